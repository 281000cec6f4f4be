// Generated files carry the hash of what they were generated from, so that a stale one is noticed without its compiler.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "./exec.mjs";

/** SHA-256 of the names and contents of source files. @param sources relative to the root */
export function sourceHash(sources) {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(basename(source)).update(readFileSync(join(root, source)));
  return hash.digest("hex");
}

/** The files that are generated from `.proto` files. */
export function protos() {
  return readdirSync(join(root, "packages")).flatMap((name) => {
    const folder = `packages/${name}/proto`;
    return list(folder, /\.proto$/).map((source) => ({
      file: `${dirname(folder)}/src/proto/${basename(source, ".proto")}.generated.ts`,
      sources: [source],
      command: "node scripts/generate-protos.mjs",
    }));
  });
}

/** Every file that is generated from sources in the repository, with the command that does it. */
export function generatedFiles() {
  return [
    ...protos(),
    {
      file: "packages/image/src/kernels/module.generated.ts",
      sources: list("packages/image/kernels", /\.[ch]$/),
      command: "npm run kernels -w packages/image",
    },
  ];
}

function list(folder, pattern) {
  try {
    return readdirSync(join(root, folder))
      .filter((name) => pattern.test(name))
      .sort()
      .map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}
