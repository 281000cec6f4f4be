import { columnsOf, displayPath, plural, shellWord } from "@classifier-training/base";
import { textOverride } from "@classifier-training/hydra";
import type { InspectedFile } from "../../model/inspect-file.ts";
import { print, printJson, type RegisterCommand } from "../command.ts";

const sources =
  "a file (.onnx, .tflite, model.json, .safetensors, .pth), npm:PACKAGE/FILE, a URL, hf://OWNER/NAME/FILE";

export const registerModel: RegisterCommand = (program) => {
  const model = program
    .command("model")
    .description("inspect and convert model files")
    .addHelpText("after", "\nExample:\n  classifier model inspect mobilenet.tflite");
  model
    .command("inspect")
    .description("layers of a model file, its head, and how its images are normalized")
    .argument("<file>", sources)
    .option("--json", "all of it, as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  classifier model inspect mobilenet.tflite\n  classifier train photos model=file model.path=mobilenet.tflite",
    )
    .action(async (source: string, { json }: { json?: boolean }) => {
      const { inspectFile } = await import("../../model/inspect-file.ts");
      const found = await inspectFile(source);
      if (json) printJson(found, 2);
      else print(`${describe(found).join("\n")}\n`);
    });
  model
    .command("convert")
    .description("convert a model file to ONNX, or to safetensors where its network is in the model zoo")
    .argument("<file>", sources)
    .argument("<output>", "a file that ends with .onnx or .safetensors")
    .option("--force", "replace the output")
    .addHelpText("after", "\nExample:\n  classifier model convert mobilenet.tflite mobilenet.onnx")
    .action(async (source: string, output: string, { force = false }: { force?: boolean }) => {
      const { convertFile } = await import("../../model/convert-file.ts");
      const { path, bytes, check } = await convertFile(source, output, { force });
      print(`${path} (${megabytes(bytes)})\n${check}\n`);
    });
};

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function describe(file: InspectedFile): string[] {
  const { inputs, outputs, head, preprocessing, labels, size, macs, layers } = file;
  const ports = (list: InspectedFile["inputs"]) =>
    list.map(({ name, shape, dtype }) => `${name} [${shape.join(", ")}] ${dtype}`).join("; ");
  const facts: (readonly [string, string | undefined])[] = [
    ["file", displayPath(file.path)],
    ["format", formatOf(file)],
    ["network", file.network],
    ["input", ports(inputs) || undefined],
    ["output", ports(outputs) || undefined],
    ["parameters", count(file.parameters)],
    ["GMACs", macs === undefined ? undefined : `${(macs / 1e9).toPrecision(2)} at ${size.height} x ${size.width} px`],
    ["head", headOf(file)],
    ["preprocessing", preprocessing && preprocessingText(preprocessing)],
    [
      "labels",
      labels && `${count(labels.length)}: ${labels.slice(0, 3).join("; ")}${labels.length > 3 ? "; ..." : ""}`,
    ],
    ["stages", file.stages.join(", ") || undefined],
    ["problem", file.problem],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : wrapped(name, value)));
  if (layers.length > 0) lines.push("", ...layerTable(layers));
  if (file.problem === undefined && head !== undefined)
    lines.push(
      "",
      `classifier train PHOTOS model=file ${shellWord(textOverride("model.path", displayPath(file.path)))}`,
    );
  return lines;
}

function formatOf({ format, opset, producer }: InspectedFile): string {
  // TensorFlow Lite's converters write its name, too.
  const by = producer?.replace(format, "").trim();
  return [format, format === "ONNX" && `opset ${opset}`, by && `made by ${by}`].filter(Boolean).join(", ");
}

function headOf({ head, headCandidates }: InspectedFile): string | undefined {
  if (head === undefined)
    return headCandidates.length > 0 ? `not found; the last layers: ${headCandidates.join(", ")}` : undefined;
  if (head.node === null) return `none: ${plural(head.features ?? 0, "feature")}`;
  const width =
    head.features === undefined ? "" : `: ${count(head.features)} features to ${count(head.classes ?? 0)} classes`;
  return `${head.node}${width}`;
}

function preprocessingText({
  colorOrder,
  height,
  width,
  mean,
  std,
  from,
}: NonNullable<InspectedFile["preprocessing"]>): string {
  const numbers = (values: readonly number[]) => `[${values.map((value) => Number(value.toPrecision(4))).join(", ")}]`;
  const size = height === undefined ? "any size" : `${height} x ${width ?? "any"} px`;
  const says = from === undefined ? "a guess: nothing says it" : `from ${from}`;
  return `${size}, ${colorOrder}, mean ${numbers(mean)}, std ${numbers(std)} (${says})`;
}

const nameWidth = 14;

function wrapped(name: string, value: string): string[] {
  const width = Math.max(20, columnsOf(process.stdout) - nameWidth - 1);
  const lines: string[] = [];
  let line = "";
  for (const word of value.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((text, i) => `${(i === 0 ? name : "").padEnd(nameWidth)} ${text}`);
}

function layerTable(layers: InspectedFile["layers"]): string[] {
  const columns = columnsOf(process.stdout);
  const rows = layers.map(({ name, kind, output, parameters }) => ({
    name,
    kind: output === undefined ? kind : `${kind} -> [${output.slice(1).join(", ")}]`,
    parameters: count(parameters),
  }));
  const longest = (key: "kind" | "parameters") => Math.max(...rows.map((row) => row[key].length));
  const [kinds, numbers] = [longest("kind"), Math.max("parameters".length, longest("parameters"))];
  const names = Math.max(16, Math.min(columns - kinds - numbers - 4, Math.max(...rows.map(({ name }) => name.length))));
  const short = (name: string) => (name.length > names ? `...${name.slice(name.length - names + 3)}` : name);
  return [
    `${"layer".padEnd(names)}  ${"".padEnd(kinds)}  ${"parameters".padStart(numbers)}`,
    ...rows.map(
      (row) => `${short(row.name).padEnd(names)}  ${row.kind.padEnd(kinds)}  ${row.parameters.padStart(numbers)}`,
    ),
  ];
}
