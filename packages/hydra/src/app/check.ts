import { CtError, foreignOptionAdvice, suggestion, type Target } from "@classifier-training/base";
import { HydraConfig, withoutHydraCopy } from "../compose/runtime.ts";
import { HydraError } from "../errors.ts";
import { type Container, DictConfig, isConfig } from "../omegaconf/containers.ts";
import { splitKey } from "../omegaconf/keys.ts";
import { isMissingNode, type Node, ValueNode } from "../omegaconf/node.ts";
import { originText } from "../omegaconf/origin.ts";
import { untracked } from "../omegaconf/reads.ts";
import { dereference } from "../omegaconf/resolve.ts";
import { toContainer } from "../omegaconf/to-container.ts";
import type { Override } from "../overrides/index.ts";
import type { ConfigIssue, Invocation } from "./invocation.ts";

/** `--info check`: all problems of the composed configuration at once. Fails when there are any. */
export async function showProblems<T>({ args, loader, configName, check }: Invocation<T>, say: (line: string) => void) {
  const { config } = loader.load({ configName, overrides: args.overrides, runMode: "RUN" });
  HydraConfig.set(config);
  const task = withoutHydraCopy(config);
  const issues = [...(await findProblems(task)), ...((await check?.(task)) ?? [])];
  if (issues.length === 0) return say("no problems found");
  throw new HydraError({ code: "hydra/check", what: issues.map(issueText).join("\n") });
}

export function issueText({ key, what, where, fix }: ConfigIssue): string {
  const place = where === undefined ? "" : `${where}: `;
  return `${place}${key}: ${what}${fix === undefined ? "" : ` (${fix})`}`;
}

/**
 * Everything that is wrong with a configuration, before anything runs: mandatory values that are missing,
 * interpolations that do not resolve, targets that do not exist, and options that a target does not have.
 */
export async function findProblems(config: Container): Promise<ConfigIssue[]> {
  const issues: ConfigIssue[] = [];
  untracked(() => walk(config, issues));
  for (const node of targetNodes(config)) issues.push(...(await targetIssues(node)));
  return issues;
}

function issueAt(node: Node, what: string, fix?: string): ConfigIssue {
  return { key: node.fullKey(), what, where: node.origin === undefined ? undefined : originText(node.origin), fix };
}

function walk(node: Node, issues: ConfigIssue[]) {
  if (isConfig(node)) {
    for (const child of node.nodes()) walk(child, issues);
    return;
  }
  if (isMissingNode(node))
    issues.push(issueAt(node, "a mandatory value is missing ('???')", `set ${node.fullKey()}=...`));
  if (!(node instanceof ValueNode) || !node.isInterpolation) return;
  try {
    dereference(node);
  } catch (error) {
    if (!CtError.is(error)) throw error;
    const { what, fix } = (error as CtError).problem;
    issues.push(issueAt(node, what, fix));
  }
}

function* targetNodes(node: Node): Generator<DictConfig> {
  if (!isConfig(node)) return;
  if (node instanceof DictConfig && node.has("_target_")) yield node;
  for (const child of node.nodes()) yield* targetNodes(child);
}

/** The keys of a target's node that are not options of the target but of instantiate. */
const instantiateKeys = new Set(["_target_", "_args_", "_partial_", "_recursive_", "_convert_"]);

async function targetIssues(node: DictConfig): Promise<ConfigIssue[]> {
  const name = (node.node("_target_") as ValueNode).value;
  return typeof name === "string" ? optionsIssues(node, name) : [];
}

/** What is wrong with the options of a node that a target is made of, whether the node names it or the program does. */
export async function optionsIssues(node: DictConfig, name: string): Promise<ConfigIssue[]> {
  const { lookUpTarget, unknownTargetAdvice } = await import("../instantiate/resolve-target.ts");
  const { isFileTarget } = await import("../instantiate/file-target.ts");
  if (name.includes("${") || isFileTarget(name)) return [];
  const target = await lookUpTarget(name);
  const at = node.node("_target_") ?? node;
  const advice = target === undefined ? await unknownTargetAdvice(name) : target.refusal;
  if (advice !== undefined) return [issueAt(at, advice.what, advice.fix)];
  return target === undefined ? [] : [...node.nodes()].flatMap((child) => optionIssues(name, target, child));
}

function optionIssues(name: string, { optionNames, foreignOptions = {} }: Target, child: Node): ConfigIssue[] {
  const option = String(child.key);
  if (instantiateKeys.has(option)) return [];
  const foreign = Object.hasOwn(foreignOptions, option) ? foreignOptions[option] : undefined;
  if (foreign !== undefined) {
    const value = isConfig(child) ? toContainer(child) : (child as ValueNode).value;
    const advice = foreignOptionAdvice(option, foreign, value);
    return advice === undefined ? [] : [issueAt(child, advice.what, advice.fix)];
  }
  if (optionNames === undefined || optionNames.includes(option)) return [];
  return [issueAt(child, `${name} has no option '${option}'`, suggestion(option, optionNames))];
}

/** What `+key=value` added to targets or schemas that have no such option: most likely a spelling mistake. */
export async function addedUnknownOptions(config: DictConfig, overrides: readonly Override[]): Promise<ConfigIssue[]> {
  const added = new Set(
    overrides.filter(({ type }) => type === "ADD" || type === "FORCE_ADD").map((o) => o.keyOrGroup),
  );
  const parents = new Set([...added].map((key) => key.slice(0, Math.max(0, key.lastIndexOf(".")))));
  const issues: ConfigIssue[] = [];
  for (const key of added) issues.push(...schemaIssues(config, key));
  for (const node of targetNodes(config)) {
    if (!parents.has(node.fullKey())) continue;
    issues.push(...(await targetIssues(node)).filter(({ key }) => added.has(key)));
  }
  return issues;
}

function schemaIssues(config: DictConfig, key: string): ConfigIssue[] {
  const parts = splitKey(key);
  const last = parts.pop() ?? "";
  let at: Node | undefined = config;
  for (const part of parts) at = at instanceof DictConfig ? at.node(part) : undefined;
  const node = at instanceof DictConfig ? at.node(last) : undefined;
  if (!(at instanceof DictConfig) || node === undefined || at.struct === undefined || at.struct.open) return [];
  const fields = [...at.struct.fields.keys()];
  return fields.includes(last)
    ? []
    : [issueAt(node, `${at.struct.name} has no key '${last}'`, suggestion(last, fields))];
}
