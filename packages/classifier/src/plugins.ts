import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { importModule } from "@classifier-training/base";

const names = ["classifier.plugins.ts", "classifier.plugins.js"];

/**
 * Imports the file in the working directory that registers a project's own classes (`@register`, `ConfigStore`), if
 * there is one. @returns its path
 */
export async function loadPlugins(): Promise<string | undefined> {
  const path = names.map((name) => resolve(name)).find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  await importModule(pathToFileURL(path).href);
  return path;
}
