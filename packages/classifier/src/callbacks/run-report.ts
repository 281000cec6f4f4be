import { Callback } from "@classifier-training/lightning";

/** A callback that changes nothing of the training, and whose tables and files are those of the run, whatever its ranks. */
export abstract class RunReportCallback extends Callback {
  override get reportsOnly(): boolean {
    return true;
  }

  override get rankZeroOnly(): boolean {
    return true;
  }
}
