import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CtError } from "@classifier-training/base";
import { writeSampleImages } from "./sample-images.ts";

const packageRoot = fileURLToPath(new URL("../../", import.meta.url));
const template = join(packageRoot, "templates", "project");
const renamed: Readonly<Record<string, string>> = {
  "package.json.template": "package.json",
  "gitignore.template": ".gitignore",
  "project.js.template": "project.test.js",
};

/**
 * Writes a project that trains at once: configuration, a custom model, callback and transform, a test, and a
 * few images of shapes. @throws CtError when the folder holds something already
 */
export function createProject(folder: string): string[] {
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new CtError({
      code: "init/folder",
      what: "the folder is not empty",
      where: folder,
      fix: "give a new folder: nothing is overwritten",
    });
  }
  const { version } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { version: string };
  const files = (readdirSync(template, { recursive: true, withFileTypes: true }) as import("node:fs").Dirent[])
    .filter((entry) => entry.isFile())
    .map((entry) => relative(template, join(entry.parentPath, entry.name)));
  const written = files.map((path) => {
    const target = join(dirname(path), renamed[basename(path)] ?? basename(path));
    mkdirSync(dirname(join(folder, target)), { recursive: true });
    const text = readFileSync(join(template, path), "utf8")
      .replaceAll("NAME", packageName(basename(resolve(folder))))
      .replaceAll("VERSION", version);
    writeFileSync(join(folder, target), text);
    return target;
  });
  writeSampleImages(join(folder, "data", "train"), 150, "init/train");
  writeSampleImages(join(folder, "data", "valid"), 30, "init/valid");
  linkThisInstallation(folder);
  return written.sort();
}

/** A folder's name as npm takes it: lower-case letters, digits, and what joins them. */
function packageName(folder: string): string {
  const plain = folder.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "");
  return plain.replace(/[^a-z0-9._-]+/g, "-").replace(/^[-._]+|[-._]+$/g, "") || "classifier-project";
}

/** As `npm link` does: the project uses this installation until `npm install` installs one. */
function linkThisInstallation(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  symlinkSync(packageRoot, join(modules, "classifier-training"), "dir");
  const program = join(packageRoot, "bin", "classifier.js");
  // npm has done it where it installed this, and somebody else may own it.
  if ((statSync(program).mode & 0o111) === 0) chmodSync(program, 0o755);
  symlinkSync(program, join(modules, ".bin", "classifier"));
}
