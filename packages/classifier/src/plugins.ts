import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CtError, importModule } from "@classifier-training/base";
import type { Command } from "commander";

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

/**
 * Adds `--plugins FILE` to a command that opens models: a model names custom transforms, and only the user says where
 * their code is. The working directory is not searched: the model may lie in it.
 */
export function withPlugins(command: Command): Command {
  return command
    .option("--plugins <file>", "a module that defines the model's custom transforms")
    .hook("preAction", async () => {
      const { plugins } = command.opts<{ plugins?: string }>();
      if (plugins === undefined) return;
      if (!existsSync(plugins))
        throw new CtError({ code: "plugins/missing", what: "there is no such file", where: `--plugins ${plugins}` });
      await importModule(pathToFileURL(resolve(plugins)).href);
    });
}
