import { fileURLToPath } from "node:url";
import { registerTargets, type TargetLoader } from "@classifier-training/hydra";
import { extension as jersey } from "@classifier-training/jersey/extension";

/**
 * A package that adds classes and configurations to the product. `@classifier-training/jersey` is the worked example; any
 * other is added with `registerExtension` in a project's `classifier.plugins.ts`.
 */
export interface Extension {
  /** Folder of configuration groups, read after the user's own and the product's. */
  readonly configFolder?: string;
  /** The dotted names of its targets, or what all of them begin with, such as `my_package`. */
  readonly targetNames: readonly string[] | string;
  /** What the names stand for, loaded when one is first used. */
  readonly targets: TargetLoader;
}

const configFolder = fileURLToPath(new URL("../conf/", import.meta.url));
/** Those of the product itself. */
const extensions: Extension[] = [jersey];

/** Adds an extension to the commands of this process. */
export function registerExtension(extension: Extension): void {
  extensions.push(extension);
  registerTargets(extension.targetNames, extension.targets);
}

export function registerExtensions(): void {
  for (const { targetNames, targets } of extensions) registerTargets(targetNames, targets);
}

/** The configuration folders of the product and its extensions; an earlier one takes precedence. */
export function configFolders(): string[] {
  return [configFolder, ...extensions.flatMap((extension) => extension.configFolder ?? [])];
}
