import { toJson } from "@bufbuild/protobuf";
import {
  type EnvironmentRecord,
  EnvironmentRecordSchema,
  type Record as LogRecord,
  type MetricRecord,
  type RunRecord,
  type TelemetryRecord,
} from "../proto/wandb.generated.ts";
import { emptyTree, itemPath, parseWandbJson, type RecordItem, setPath, wandbJson } from "./records.ts";

/** What the records read so far add up to: the run, its configuration and its summary, as the service wants them. */
export class RunState {
  run: RunRecord | undefined;
  startedAtMs = 0;
  readonly summary = emptyTree();
  readonly #config = emptyTree();
  readonly #metrics = new Map<string, MetricRecord>();
  #telemetry: TelemetryRecord | undefined;
  #environment: EnvironmentRecord | undefined;

  /** Applies a record. @returns whether the service must get it by an upsert */
  apply({ recordType }: LogRecord): boolean {
    switch (recordType.case) {
      case "run": {
        const { startTime } = recordType.value;
        // Later run records are updates of names and tags.
        this.run = recordType.value;
        if (startTime !== undefined) this.startedAtMs = Number(startTime.seconds) * 1000 + startTime.nanos / 1e6;
        for (const item of recordType.value.config?.update ?? []) setPath(this.#config, item);
        return true;
      }
      case "config":
        for (const item of recordType.value.update) setPath(this.#config, item);
        for (const item of recordType.value.remove) removePath(this.#config, item);
        return true;
      case "telemetry":
        this.#telemetry = recordType.value;
        return true;
      case "environment":
        this.#environment = recordType.value;
        return true;
      case "metric": {
        const { name, globName } = recordType.value;
        this.#metrics.set(globName === "" ? name : `*${globName}`, recordType.value);
        return true;
      }
      case "summary":
        for (const item of recordType.value.update) setPath(this.summary, item);
        for (const item of recordType.value.remove) removePath(this.summary, item);
        return false;
      case "history":
        // Also here, so that a killed run's summary is its last row, not its last summary record.
        for (const item of recordType.value.item) setPath(this.summary, item);
        return false;
      default:
        return false;
    }
  }

  /** The setting `resume` that the run was started with. */
  get resume(): string | undefined {
    const item = this.run?.settings?.item.find(({ key }) => key === "resume");
    const value = item === undefined ? undefined : parseWandbJson(item.valueJson);
    return typeof value === "string" ? value : undefined;
  }

  get program(): string {
    return this.#environment?.codePath || this.#environment?.program || "";
  }

  /** The configuration as one JSON text: each value in `{"value": ...}`, and W&B's own part. */
  configJson(): string {
    const entries = Object.entries(this.#config).map(([key, value]) => [key, { value }] as const);
    const telemetry = this.#telemetry;
    const environment = this.#environment;
    const internal = {
      ...(telemetry?.cliVersion && { cli_version: telemetry.cliVersion }),
      ...(telemetry?.pythonVersion && { python_version: telemetry.pythonVersion }),
      t: telemetryNumbers(telemetry),
      m: this.#metricNumbers(),
      ...(environment && { e: { [environment.writerId]: toJson(EnvironmentRecordSchema, environment) } }),
    };
    return wandbJson({ ...Object.fromEntries(entries), _wandb: { value: internal } });
  }

  /** Metric definitions by field number, step metrics as one-based indices: the form that W&B's pages read. */
  #metricNumbers(): unknown[] {
    // Globs are not sent: the metrics that they stand for are defined one by one.
    const order = [...this.#metrics.values()].filter(({ globName }) => globName === "");
    const indexOf = (name: string) => order.findIndex((metric) => metric.name === name) + 1;
    return order.map(({ name, stepMetric, options, goal, expandedFromGlob }) => {
      const step = stepMetric === "" ? 0 : indexOf(stepMetric);
      const isDefined = options?.defined || expandedFromGlob;
      const flags = [options?.stepSync, options?.hidden, isDefined].flatMap((is, i) => (is ? [i + 1] : []));
      return { 1: name, ...(step > 0 && { 5: step }), 6: flags, 7: [], ...(goal !== 0 && { 8: goal }) };
    });
  }
}

function telemetryNumbers(telemetry: TelemetryRecord | undefined): Record<number, unknown> {
  if (telemetry === undefined) return {};
  const { pythonVersion, cliVersion, coreVersion, platform } = telemetry;
  return {
    ...(pythonVersion && { 4: pythonVersion }),
    ...(cliVersion && { 5: cliVersion }),
    ...(coreVersion && { 12: coreVersion }),
    ...(platform && { 13: platform }),
  };
}

function removePath(tree: Record<string, unknown>, item: RecordItem): void {
  const path = itemPath(item);
  let level: unknown = tree;
  for (const key of path.slice(0, -1)) {
    if (typeof level !== "object" || level === null || !Object.hasOwn(level, key)) return;
    level = (level as Record<string, unknown>)[key];
  }
  if (typeof level === "object" && level !== null) delete (level as Record<string, unknown>)[path.at(-1) as string];
}
