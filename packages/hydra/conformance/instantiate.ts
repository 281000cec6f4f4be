import type { Target } from "@classifier-training/base";
import {
  type ContainerTarget,
  clearTargets,
  create,
  DictConfig,
  instantiate,
  isConfig,
  ListConfig,
  ObjectNode,
  type Partial,
  registerTargets,
  selectRaw,
  toRaw,
} from "../src/index.ts";
import type { Handler } from "./handler.ts";
import { withEnvironment } from "./interpolation.ts";
import { decode } from "./merge.ts";
import { difference } from "./values.ts";

interface Outcome {
  readonly ok: boolean;
  readonly result?: unknown;
  readonly error?: string;
}

class Refused extends Error {}

/** A record of a call, as the corpus writes it. */
class Recorded {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;

  constructor(name: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>) {
    this.name = name;
    this.args = args;
    this.kwargs = kwargs;
  }
}

const absent = new Set(["rec.nope", "rec.Nope", "rec.Foo.missing", "rec.VALUE"]);

/** The fake module `rec`: every well-formed name below it but a few is a callable. */
const rec = new Proxy({} as Record<string, Target>, {
  getOwnPropertyDescriptor: (_, name) =>
    typeof name === "string" && /^rec(?:\.[A-Za-z_]\w*)+$/.test(name) && !absent.has(name)
      ? { configurable: true, enumerable: true, value: target(name) }
      : undefined,
  get: (_, name) => target(String(name)),
});

function target(name: string): ContainerTarget {
  return {
    takesContainers: true,
    invoke(args, kwargs) {
      if (name.startsWith("rec.fail")) throw new Refused("boom");
      return new Recorded(name, args, kwargs);
    },
  };
}

/** The corpus's encoding of a result. */
function encode(value: unknown): unknown {
  if (value instanceof Recorded) return call("$obj", value);
  if (typeof value === "function") {
    const { target: name, args, kwargs } = value as Partial;
    return call("$partial", { name, args, kwargs });
  }
  if (value instanceof ObjectNode) return encode(value.value);
  if (value instanceof DictConfig) {
    const entries = [...value.nodes()].map((node) => [node.key, encode(isConfig(node) ? node : leaf(node))] as const);
    return new Map([["$dictconfig", new Map(entries)]]);
  }
  if (value instanceof ListConfig) {
    return new Map([["$listconfig", value.content.map((node) => encode(isConfig(node) ? node : leaf(node)))]]);
  }
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, encode(item)]));
  const isPlain = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? new Map(Object.entries(value).map(([key, item]) => [key, encode(item)])) : value;
}

function leaf(node: Parameters<typeof toRaw>[0]): unknown {
  return node instanceof ObjectNode ? node.value : toRaw(node);
}

function call(kind: string, { name, args, kwargs }: Pick<Recorded, "name" | "args" | "kwargs">): unknown {
  return new Map<string, unknown>([
    [kind, name],
    ["args", args.map(encode)],
    ["kwargs", encode(kwargs)],
  ]);
}

export const handler: Handler = {
  async run(testCase): Promise<Outcome> {
    clearTargets();
    registerTargets("rec", () => rec);
    const plain = (value: unknown) => (value === undefined ? undefined : decode(value));
    try {
      const { yaml, path, kwargs = {}, args = [] } = testCase;
      const config = create(yaml);
      const part = path === undefined ? config : selectRaw(config, String(path));
      const overrides = Object.fromEntries(plain(kwargs) as Map<string, unknown>);
      const env = testCase["env"] as Record<string, string> | undefined;
      const made = await withEnvironment(env, () => instantiate(part, overrides, ...(plain(args) as unknown[])));
      return { ok: true, result: encode(made) };
    } catch (error) {
      return { ok: false, error: String(error) };
    }
  },

  compare(expected, actual: Outcome) {
    if (expected.ok !== actual.ok) {
      const shown = actual.error ?? difference("result", {}, actual.result);
      return `ok: expected ${expected.ok}, actual ${actual.ok} (${shown})`;
    }
    return expected.ok ? difference("result", expected["result"], actual.result) : undefined;
  },
};
