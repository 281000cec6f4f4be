import { CtError } from "@classifier-training/base";
import { nearestKey } from "../compose/apply-overrides.ts";
import { HydraConfig } from "../compose/runtime.ts";
import { HydraError } from "../errors.ts";
import { type Container, DictConfig, isConfig } from "../omegaconf/containers.ts";
import type { Element, Interpolation, TextPart } from "../omegaconf/interpolation/ast.ts";
import { parseInterpolation } from "../omegaconf/interpolation/parse.ts";
import { splitKey } from "../omegaconf/keys.ts";
import { type Node, ValueNode } from "../omegaconf/node.ts";
import { originText } from "../omegaconf/origin.ts";
import { pythonRepr } from "../omegaconf/python-text.ts";
import { childOf, dereference, rootOf } from "../omegaconf/resolve.ts";
import { isSecretKey, secretMask } from "../omegaconf/secrets.ts";
import type { Invocation } from "./main.ts";

const deepest = 10;

/** `--info explain KEY`: where a value comes from. */
export function explain<T>({ args, loader, configName }: Invocation<T>, say: (line: string) => void): void {
  const keys = args.overrides.filter((text) => !text.includes("=") && !/^[~+]/.test(text));
  const overrides = args.overrides.filter((text) => !keys.includes(text));
  if (keys.length === 0) {
    throw new HydraError({
      code: "hydra/explain",
      what: "--info explain needs a key",
      fix: "for example: --info explain model.lr",
    });
  }
  const { config } = loader.load({ configName, overrides, runMode: "RUN" });
  HydraConfig.set(config);
  for (const line of keys.flatMap((key) => explainKey(config, key))) say(line);
}

/**
 * Lines that say what a key's value is, where it was set (file and line, override, schema), what it replaced, and
 * what its interpolations lead to.
 */
export function explainKey(config: DictConfig, key: string): string[] {
  const node = nodeAt(config, key);
  if (node === undefined) {
    const near = nearestKey(config, key);
    throw new HydraError({
      code: "hydra/explain",
      what: `there is no key '${key}' in the configuration`,
      fix: near === undefined ? undefined : `did you mean '${near}'?`,
    });
  }
  return describe(node, key, "", new Set());
}

/** The node itself, its last interpolation not followed. */
function nodeAt(config: Container, path: string): Node | undefined {
  const parts = splitKey(path);
  let at: Node | undefined = config;
  for (const part of parts) {
    const container: Node | undefined = at instanceof ValueNode ? dereference(at) : at;
    if (!isConfig(container)) return undefined;
    at = childOf(container, part, { throwOnMissing: false, throwOnFailure: false });
  }
  return at;
}

function describe(node: Node, name: string, indent: string, seen: Set<Node>): string[] {
  if (seen.has(node) || seen.size > deepest) return [`${indent}${name}: leads back to itself`];
  seen.add(node);
  const lines = [`${indent}${name} = ${valueText(node)}`];
  if (node.origin !== undefined) lines.push(`${indent}  set in: ${originText(node.origin)}`);
  for (const origin of [...(node.replaced ?? [])].reverse()) lines.push(`${indent}  replaces: ${originText(origin)}`);
  if (!(node instanceof ValueNode) || !node.isInterpolation) return lines;
  lines.push(`${indent}  written: ${node.value}`);
  for (const part of references(parseInterpolation(String(node.value)))) {
    if (part.kind === "resolver") {
      lines.push(`${indent}  calls: ${part.source}`);
      continue;
    }
    const path = part.parts.map((piece) => (typeof piece === "string" ? piece : piece.source)).join("");
    const target = path.includes("$") ? undefined : referenced(node, path);
    if (target === undefined) lines.push(`${indent}  refers to: ${path}`);
    else lines.push(...describe(target, path.replace(/^\.+/, ""), `${indent}    `, seen));
  }
  return lines;
}

function referenced(node: Node, path: string): Node | undefined {
  try {
    const { root, rest } = rootOf(node.parent as Container, path);
    return nodeAt(root, rest);
  } catch (error) {
    if (CtError.is(error)) return undefined;
    throw error;
  }
}

function references(parts: readonly TextPart[]): Interpolation[] {
  return parts.flatMap((part) => {
    if (typeof part === "string") return [];
    const inner =
      part.kind === "node" ? references(part.parts) : part.args.flatMap(({ element }) => inElement(element));
    return [part, ...inner];
  });
}

function inElement(element: Element): Interpolation[] {
  if (element.kind === "text") return references(element.parts);
  if (element.kind === "list") return element.items.flatMap(inElement);
  if (element.kind === "dict")
    return element.entries.flatMap(({ key, value }) => [...inElement(key), ...inElement(value)]);
  return [];
}

function valueText(node: Node): string {
  if (node instanceof DictConfig) return `a mapping with ${node.size} keys`;
  if (isConfig(node)) return pythonRepr(node);
  if (isSecretKey(node.key)) return secretMask;
  try {
    const found = dereference(node);
    return isConfig(found) ? valueText(found) : pythonRepr(found);
  } catch (error) {
    if (CtError.is(error)) return `(does not resolve: ${(error as CtError).problem.what})`;
    throw error;
  }
}
