import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./docs.ts";

/** What a package needs to run, beside its `package.json`. */
const parts = ["bin", "build", "conf", "dist", "native", "templates", "web"];

/**
 * Installs the built workspace into a folder, as copies: Node resolves links, and modules would see the path of the
 * checkout. @returns the command-line program there
 */
export function installInto(folder: string): string {
  const modules = join(folder, "node_modules");
  for (const name of readdirSync(join(repository, "packages"))) {
    const from = join(repository, "packages", name);
    const manifest = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as { name: string };
    const to = join(modules, manifest.name);
    mkdirSync(to, { recursive: true });
    for (const part of ["package.json", ...parts]) {
      if (!existsSync(join(from, part))) continue;
      cpSync(join(from, part), join(to, part), { recursive: true, filter: (path) => !/\.(d\.ts|map)$/.test(path) });
    }
  }
  linkOthers(join(repository, "node_modules"), modules);
  return join(modules, "classifier-training", "bin", "classifier.js");
}

function linkOthers(from: string, to: string) {
  for (const name of readdirSync(from)) {
    const target = join(to, name);
    if (name.startsWith(".") || name === "@classifier-training" || existsSync(target)) continue;
    if (name.startsWith("@")) {
      mkdirSync(target);
      linkOthers(join(from, name), target);
    } else symlinkSync(join(from, name), target);
  }
}
