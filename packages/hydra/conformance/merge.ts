import {
  type Container,
  create,
  Float,
  fromDotlist,
  merge,
  mergeWith,
  mergeWithDotlist,
  setReadonly,
  setStruct,
  toRaw,
  toYaml,
  update,
} from "../src/index.ts";
import type { Case, Handler } from "./handler.ts";
import { difference } from "./values.ts";

interface Outcome {
  readonly ok: boolean;
  readonly result?: unknown;
  readonly yaml_out?: string;
  readonly error?: string;
}

/** The raw value that the corpus's encoding stands for. */
export function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  const { $float, $int, $map, $tuple, $bytes } = value as Record<string, unknown>;
  if (typeof $float === "string") {
    const number = Number($float.replace("inf", "Infinity"));
    return Number.isInteger(number) ? new Float(number) : number;
  }
  if (typeof $int === "string") return BigInt($int);
  if (Array.isArray($map)) return new Map($map.map(([key, item]) => [decode(key), decode(item)]));
  if (Array.isArray($tuple)) return decode($tuple);
  if (typeof $bytes === "string") return new Uint8Array(Buffer.from($bytes, "base64"));
  return new Map(Object.entries(value).map(([key, item]) => [key, decode(item)]));
}

function build(testCase: Case): Container {
  const inputs = testCase["inputs"] as string[];
  const configs = inputs.map((text) => create(text));
  const [first, ...rest] = configs;
  if (first !== undefined && testCase["struct"]) setStruct(first, true);
  if (first !== undefined && testCase["readonly"]) setReadonly(first, true);
  const dotlist = testCase["dotlist"] as string[];
  switch (testCase["op"]) {
    case "from_dotlist":
      return fromDotlist(dotlist);
    case "value_to_yaml":
      return create(new Map([["v", decode(testCase["value"])]]));
  }
  if (first === undefined) return create();
  switch (testCase["op"]) {
    case "merge":
      if (!testCase["in_place"]) return merge(first, ...rest);
      mergeWith(first, ...rest);
      return first;
    case "merge_with_dotlist":
      mergeWithDotlist(first, dotlist);
      return first;
    case "update":
      update(first, testCase["key"] as string, decode(testCase["value"]), {
        merge: testCase["merge"] as boolean,
        forceAdd: testCase["force_add"] as boolean,
      });
      return first;
    default:
      return first;
  }
}

export const handler: Handler = {
  run(testCase): Outcome {
    try {
      const config = build(testCase);
      const options = { resolve: testCase["resolve"] === true, sortKeys: testCase["sort_keys"] === true };
      return { ok: true, result: toRaw(config), yaml_out: toYaml(config, options) };
    } catch (error) {
      return { ok: false, error: String(error) };
    }
  },

  compare(expected, actual: Outcome) {
    if (expected.ok !== actual.ok) {
      return `ok: expected ${expected.ok}, actual ${actual.ok} (${actual.error ?? JSON.stringify(actual.yaml_out)})`;
    }
    if (!expected.ok) return undefined;
    const result = difference("result", expected["result"], actual.result);
    return result ?? difference("yaml_out", expected["yaml_out"], actual.yaml_out);
  },
};
