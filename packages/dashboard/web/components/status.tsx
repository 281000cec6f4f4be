import type { RunSummary } from "../../src/api-types.ts";
import { statusHelp, statusLabel } from "../state/format.ts";

/** How a run stands: a mark and a word. */
export function Status({ status }: Pick<RunSummary, "status">) {
  return (
    <span class={`status ${status}`} title={statusHelp[status]}>
      {statusLabel(status)}
    </span>
  );
}

/** How far a run has come. */
export function ProgressBar({ run }: { readonly run: RunSummary }) {
  const { epoch, maxEpochs, status } = run;
  if (epoch === undefined || maxEpochs === undefined || status !== "running") return null;
  return <progress aria-label="epochs done" max={maxEpochs} value={Math.min(epoch, maxEpochs)} />;
}
