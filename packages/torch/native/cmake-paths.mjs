// Paths for CMake, which cannot work below every folder: quotes, semicolons and backslashes mean something in its
// language. Built-in modules only.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const isPlain = (path) => process.platform === "win32" || !/["';\\$`\n]/.test(path);

/**
 * Calls `work` with paths that CMake can work with: those given, or links to them in a folder for temporary files. A tree
 * that CMake fills lies there, too, where its own path would not do; it is gone afterwards.
 * @template T
 * @param {Record<string, string>} paths of what is read
 * @param {string} tree
 * @param {(paths: Record<string, string>, tree: string) => Promise<T>} work
 */
export async function withPlainPaths(paths, tree, work) {
  if ([...Object.values(paths), tree].every(isPlain)) return work(paths, tree);
  const scratch = mkdtempSync(join(isPlain(tmpdir()) ? tmpdir() : "/tmp", "classifier-addon-"));
  try {
    const links = Object.entries(paths).map(([name, path]) => {
      if (isPlain(path)) return [name, path];
      symlinkSync(path, join(scratch, name));
      return [name, join(scratch, name)];
    });
    if (isPlain(tree)) return await work(Object.fromEntries(links), tree);
    mkdirSync(join(scratch, "tree"));
    return await work(Object.fromEntries(links), join(scratch, "tree"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
