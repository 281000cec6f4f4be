import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { LoggedTable, PlainValue } from "@classifier-training/lightning";
import {
  HParamsPluginDataSchema,
  type Summary_ValueSchema,
  TextPluginDataSchema,
} from "../proto/tensorboard.generated.ts";
import { pngSize } from "../wandb/media.ts";

/** One tagged value of a summary. */
export type SummaryValue = MessageInitShape<typeof Summary_ValueSchema>;

const floatDtype = 1;
const stringDtype = 7;

export function scalarValue(tag: string, value: number): SummaryValue {
  return { tag, value: { case: "simpleValue", value } };
}

export function imageValue(tag: string, png: Uint8Array): SummaryValue {
  const { width, height } = pngSize(png);
  // PNG's color types: gray 0, RGB 2, palette 3, gray + alpha 4, RGBA 6.
  const colorspace = { 0: 1, 4: 2, 6: 4 }[png[25] as number] ?? 3;
  return { tag, value: { case: "image", value: { width, height, colorspace, encodedImageString: png } } };
}

/** Text, shown as Markdown. */
export function textValue(tag: string, text: string): SummaryValue {
  return {
    tag: `${tag}/text_summary`,
    metadata: {
      pluginData: { pluginName: "text", content: toBinary(TextPluginDataSchema, create(TextPluginDataSchema)) },
      dataClass: 2,
    },
    value: {
      case: "tensor",
      value: { dtype: stringDtype, tensorShape: { dim: [{ size: 1n }] }, stringVal: [Buffer.from(text)] },
    },
  };
}

/** A table as Markdown. */
export function markdownTable({ columns, data }: LoggedTable): string {
  const cell = (value: PlainValue) => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return text.replaceAll("|", "\\|").replaceAll("\n", " ");
  };
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(columns.map(cell)), line(columns.map(() => "---")), ...data.map((row) => line(row.map(cell)))].join(
    "\n",
  );
}

/** A histogram of 64 equal buckets; values that are not finite are left out. */
export function histogramSummary(tag: string, values: ArrayLike<number>, buckets = 64): SummaryValue {
  let [min, max, num, sum, sumSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (!Number.isFinite(v)) continue;
    min = Math.min(min, v);
    max = Math.max(max, v);
    num++;
    sum += v;
    sumSquares += v * v;
  }
  if (num === 0) [min, max] = [0, 0];
  const width = (max - min) / buckets || 1;
  const bucket = new Array<number>(buckets).fill(0);
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number;
    if (!Number.isFinite(v)) continue;
    const at = Math.min(buckets - 1, Math.floor((v - min) / width));
    bucket[at] = (bucket[at] as number) + 1;
  }
  const bucketLimit = bucket.map((_, i) =>
    i === buckets - 1 ? Math.max(max, min + width * buckets) : min + width * (i + 1),
  );
  return { tag, value: { case: "histo", value: { min, max, num, sum, sumSquares, bucketLimit, bucket } } };
}

/** The values that tell TensorBoard's HPARAMS page of a run: what there is to compare, and this run's part. */
export function hparamsStart(
  hparams: ReadonlyMap<string, PlainValue>,
  metrics: readonly string[],
  startS: number,
): SummaryValue[] {
  const plain = [...hparams].map(([name, value]) => [name, simple(value)] as const);
  const types = { string: 1, boolean: 2, number: 3 } as const;
  const experiment = {
    timeCreatedSecs: startS,
    hparamInfos: plain.map(([name, value]) => ({ name, type: types[typeof value as keyof typeof types] })),
    metricInfos: metrics.map((tag) => ({ name: { tag } })),
  };
  const values = plain.map(([name, value]) => [name, hparamValue(value)] as const);
  return [
    pluginValue("_hparams_/experiment", { case: "experiment", value: experiment }),
    pluginValue("_hparams_/session_start_info", {
      case: "sessionStartInfo",
      value: { hparams: Object.fromEntries(values), startTimeSecs: startS },
    }),
  ];
}

export function hparamsEnd(isSuccess: boolean, endS: number): SummaryValue {
  return pluginValue("_hparams_/session_end_info", {
    case: "sessionEndInfo",
    value: { status: isSuccess ? 1 : 2, endTimeSecs: endS },
  });
}

function pluginValue(
  tag: string,
  data: MessageInitShape<typeof HParamsPluginDataSchema>["data"] & object,
): SummaryValue {
  const content = toBinary(HParamsPluginDataSchema, create(HParamsPluginDataSchema, { version: 0, data }));
  // TensorBoard wants some tensor beside the plugin's own data.
  const nothing = { dtype: floatDtype, tensorShape: { dim: [] }, floatVal: [0] };
  return {
    tag,
    metadata: { pluginData: { pluginName: "hparams", content }, dataClass: 2 },
    value: { case: "tensor", value: nothing },
  };
}

function simple(value: PlainValue): string | number | boolean {
  return value === null || typeof value === "object" ? JSON.stringify(value) : value;
}

function hparamValue(value: string | number | boolean) {
  if (typeof value === "string") return create(ValueSchema, { kind: { case: "stringValue", value } });
  if (typeof value === "boolean") return create(ValueSchema, { kind: { case: "boolValue", value } });
  return create(ValueSchema, { kind: { case: "numberValue", value } });
}
