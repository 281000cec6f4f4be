import { didYouMean, isSecretKey, maskArgument, maskText, secretMask } from "@classifier-training/base";
import { nearestKey } from "../compose/apply-overrides.ts";
import { HydraConfig } from "../compose/runtime.ts";
import { HydraError } from "../errors.ts";
import { DictConfig } from "../omegaconf/containers.ts";
import { type Explanation, explain } from "../omegaconf/explain.ts";
import { isInterpolationText } from "../omegaconf/node.ts";
import { originText } from "../omegaconf/origin.ts";
import { pythonRepr } from "../omegaconf/python-text.ts";
import type { Invocation } from "./invocation.ts";

/** `--info explain KEY`: where a value comes from. */
export function showExplanation<T>({ args, loader, configName }: Invocation<T>, say: (line: string) => void): void {
  const keys = args.overrides.filter(isKey);
  const overrides = args.overrides.filter((text) => !isKey(text));
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

/** Whether a word after `--info explain` is a key, and not an override. */
export function isKey(word: string): boolean {
  return !word.includes("=") && !/^[~+]/.test(word);
}

/**
 * Lines that say what a key's value is, where it was set (file and line, override, schema), what it replaced, and
 * what its interpolations lead to.
 */
export function explainKey(config: DictConfig, key: string): string[] {
  const explanation = explain(config, key);
  if (explanation !== undefined) return describe(explanation, "");
  throw new HydraError({
    code: "hydra/explain",
    what: `there is no key '${key}' in the configuration`,
    fix: didYouMean(nearestKey(config, key)),
  });
}

function describe(explanation: Explanation, indent: string): string[] {
  const { fullKey, value, origin, replaced, uses } = explanation;
  const lines = [`${indent}${fullKey} = ${resultText(explanation)}`];
  if (isInterpolationText(value)) lines.push(`${indent}  written ${maskText(String(value))}`);
  if (origin !== undefined) lines.push(`${indent}  set in ${maskArgument(originText(origin))}`);
  for (const earlier of [...replaced].reverse()) {
    lines.push(`${indent}  instead of what is set in ${maskArgument(originText(earlier))}`);
  }
  return [...lines, ...uses.flatMap((used) => describe(used, `${indent}    `))];
}

function resultText({ fullKey, resolved, error }: Explanation): string {
  if (error !== undefined)
    return `(does not resolve: ${error instanceof Error ? error.message.split("\n")[0] : error})`;
  if (resolved instanceof DictConfig) return `a mapping with the keys ${pythonRepr([...resolved.keys()])}`;
  if (typeof resolved === "string" && fullKey.split(".").some(isSecretKey)) return secretMask;
  return maskText(pythonRepr(resolved));
}
