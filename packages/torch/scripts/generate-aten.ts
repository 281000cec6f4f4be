import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { camelCase } from "@classifier-training/base";
import type { NativeArgument, NativeOperator } from "../src/native/binding.ts";
import { native } from "../src/native/load.ts";

// Writes src/ops/aten.generated.ts: the operators of the LibTorch at hand as TypeScript signatures, for editors.
// Left out, though all can be called: backward and out= variants, private names, and backends' own operators.

const skipped =
  /^_|_backward|^(cudnn|miopen|mkldnn|mkl|mps|fbgemm|quantize|fake_quant|sparse_|nnpack|thnn|slow_conv)|_copy$/;

function typeOf(type: string, real: string): string {
  if (real.replace("?", "") === "ScalarType") return "DType";
  if (/^(Layout|MemoryFormat)\??$/.test(real)) return "string";
  const base = type.replace(/\?$/, "");
  if (base.endsWith("[]")) {
    const element = typeOf(base.slice(0, -2), base.slice(0, -2));
    return `readonly ${element.includes("|") ? `(${element})` : element}[]`;
  }
  switch (base) {
    case "Tensor":
      return type.endsWith("?") ? "Tensor | null" : "Tensor";
    case "int":
    case "SymInt":
    case "float":
      return "number";
    case "Scalar":
    case "number":
      return "Scalar";
    case "bool":
      return "boolean";
    case "str":
    case "Device":
      return "string";
    case "Generator":
      return type.endsWith("?") ? "Generator | null" : "Generator";
    default:
      return "unknown";
  }
}

function argumentType({ type, real, fixedLength }: NativeArgument): string {
  const own = typeOf(type, real);
  const scalarToo = fixedLength !== null && own.startsWith("readonly number[]") ? `number | ${own}` : own;
  return type.endsWith("?") && !scalarToo.endsWith("null") ? `${scalarToo} | null` : scalarToo;
}

const reserved = new Set(["default", "function", "in", "with", "new", "var", "this"]);

function signature(operator: NativeOperator, name: string): string {
  const positional = operator.arguments.filter((argument) => !argument.keywordOnly);
  const keywords = operator.arguments.filter((argument) => argument.keywordOnly);
  const isOptional = (argument: NativeArgument) => argument.hasDefault || argument.type.endsWith("?");
  const lastRequired = positional.findLastIndex((argument) => !isOptional(argument));
  const parts = positional.map((argument, i) => {
    const key = camelCase(argument.name);
    return `${reserved.has(key) ? `${key}_` : key}${i > lastRequired ? "?" : ""}: ${argumentType(argument)}`;
  });
  if (keywords.length > 0) {
    const fields = keywords.map((k) => `${k.name}${isOptional(k) ? "?" : ""}: ${argumentType(k)}`);
    const optional = keywords.every(isOptional) ? "?" : "";
    if (optional === "" && lastRequired < positional.length - 1) return "";
    parts.push(`keywords${optional}: { ${fields.join("; ")} }`);
  }
  const results = operator.returns.map(({ type }) => typeOf(type, type).replace(/^readonly /, ""));
  const result = results.length === 0 ? "void" : results.length === 1 ? results[0] : `[${results.join(", ")}]`;
  return `  ${name}(${parts.join(", ")}): ${result};`;
}

const names = [...new Set(native.operatorNames().map((full) => full.split(".")[0]!))]
  .filter((full) => full.startsWith("aten::"))
  .map((full) => full.slice("aten::".length))
  .filter((name) => !skipped.test(name))
  .sort();
const lines: string[] = [];
let operators = 0;
for (const name of names) {
  const signatures = new Set<string>();
  for (const operator of native.overloads(`aten::${name}`)) {
    const takesTensors = [...operator.arguments, ...operator.returns].some(({ type }) => type.startsWith("Tensor"));
    const types = operator.arguments.map((argument) => argument.type);
    if (!takesTensors || /out|names?_|^names|dimname/i.test(operator.overload)) continue;
    if (types.some((type) => /\(|Dict|Future|^t\b|Stream|Storage/.test(type))) continue;
    const text = signature(operator, name);
    if (text !== "") signatures.add(text);
  }
  if (signatures.size > 0) operators++;
  lines.push(...signatures);
}

const version = native.versionInfo().libtorch;
const text = `// Written by scripts/generate-aten.ts from the schemas of LibTorch ${version}. Do not edit.
import type { Generator } from "../random.ts";
import type { DType } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";

type Scalar = number | bigint | boolean;

/** Operators of LibTorch by name, one signature per overload. Any other is callable too, untyped. */
export interface AtenOperators {
${lines.join("\n")}
}
`;
const file = fileURLToPath(new URL("../src/ops/aten.generated.ts", import.meta.url));
if (process.argv.includes("--check")) {
  const committed = readFileSync(file, "utf8");
  // Another LibTorch has other operators: the committed file is that of one version.
  const isOfThisVersion = committed.includes(`LibTorch ${version}.`);
  if (isOfThisVersion && committed !== text) {
    process.stderr.write(`${file} is not what LibTorch ${version} has: run npm run generate -w packages/torch\n`);
    process.exitCode = 1;
  }
} else writeFileSync(file, text);
process.stdout.write(`${operators} operators, ${lines.length} signatures: ${file}\n`);
