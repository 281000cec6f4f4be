import { join } from "node:path";
import { parseOptions } from "@classifier-training/base";
import {
  type FinalStatus,
  type Hyperparams,
  type LoggedImage,
  type LoggedTable,
  prefixOption,
  VersionedLogger,
  versionedOptions,
  withPrefix,
} from "@classifier-training/lightning";
import { z } from "zod";
import { flattenHyperparams } from "./hyperparams.ts";
import { EventFile } from "./tensorboard/event-file.ts";
import {
  histogramSummary,
  hparamsEnd,
  hparamsStart,
  imageValue,
  markdownTable,
  type SummaryValue,
  scalarValue,
  textValue,
} from "./tensorboard/summaries.ts";

export const tensorBoardLoggerOptionsSchema = z.strictObject({
  ...versionedOptions,
  logGraph: z.boolean().default(false).describe("accepted; the graph of a model is not drawn"),
  defaultHpMetric: z
    .boolean()
    .default(true)
    .describe("writes hp_metric = -1 with the hyperparameters, as Lightning does"),
  prefix: prefixOption,
  subDir: z.string().nullable().default(null).describe("a folder inside the version's"),
});

export type TensorBoardLoggerOptions = z.input<typeof tensorBoardLoggerOptionsSchema>;

/** Logs to TensorBoard event files in `SAVE_DIR/NAME/version_N/`: `tensorboard --logdir SAVE_DIR` shows them. */
export class TensorBoardLogger extends VersionedLogger {
  readonly options: z.output<typeof tensorBoardLoggerOptionsSchema>;
  #file: EventFile | undefined;
  #lastStep = 0;

  constructor(options: TensorBoardLoggerOptions) {
    super();
    this.options = parseOptions("TensorBoardLogger", tensorBoardLoggerOptionsSchema, options);
  }

  override get logDir(): string {
    return join(super.logDir, this.options.subDir ?? "");
  }

  /** The event file; begins it. */
  get experiment(): EventFile {
    this.#file ??= new EventFile(this.logDir);
    return this.#file;
  }

  override logHyperparams(params: Hyperparams, metrics: Readonly<Record<string, number>> = {}): void {
    super.logHyperparams(params);
    const isDefault = Object.keys(metrics).length === 0;
    const measured = isDefault && this.options.defaultHpMetric ? { hp_metric: -1 } : metrics;
    const names = Object.keys(measured);
    this.#add(
      Object.entries(measured).map(([tag, value]) => scalarValue(tag, value)),
      0,
    );
    this.#add(hparamsStart(flattenHyperparams(this.hyperparams), names, Date.now() / 1000), 0);
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const named = withPrefix(metrics, this.options.prefix);
    const values: SummaryValue[] = [];
    for (const tag in named) values.push(scalarValue(tag, named[tag] as number));
    this.#lastStep = step;
    this.#add(values, step);
  }

  override logImage(key: string, images: readonly LoggedImage[], step: number): void {
    const tag = (i: number) => (images.length === 1 ? key : `${key}/${i}`);
    this.#add(
      images.map(({ png }, i) => imageValue(tag(i), png)),
      step,
    );
  }

  override logText(key: string, text: string, step: number): void {
    this.#add([textValue(key, text)], step);
  }

  override logTable(key: string, table: LoggedTable, step: number): void {
    this.logText(key, markdownTable(table), step);
  }

  override logHistogram(key: string, values: ArrayLike<number>, step: number): void {
    this.#add([histogramSummary(key, values)], step);
  }

  finalize(status: FinalStatus): void {
    if (this.#file === undefined) return;
    if (Object.keys(this.hyperparams).length > 0) {
      this.#add([hparamsEnd(status === "success", Date.now() / 1000)], this.#lastStep);
    }
    this.#file.flush();
    if (status !== "success") this.close();
  }

  override close(): void {
    this.#file?.close();
  }

  #add(value: SummaryValue[], step: number): void {
    if (value.length > 0) this.experiment.add({ case: "summary", value: { value } }, step);
  }
}
