// The optional package with the addon compiled for this machine's platform and its LibTorch: who has that LibTorch needs
// neither a compiler nor CMake.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../exec.mjs";

/** Platforms that PyTorch publishes an archive of LibTorch for. */
export const platforms = ["darwin-arm64", "linux-x64", "win32-x64"];

/**
 * @param out the folder that gets `torch-<platform>-<arch>`
 * @param torch the manifest of the package torch as it is published
 * @returns {string} the package's folder
 */
export function platformPackage(out, torch) {
  const built = join(root, "packages", "torch", "build");
  const { libtorch } = JSON.parse(readFileSync(join(built, "build-info.json"), "utf8"));
  const name = `torch-${process.platform}-${process.arch}`;
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  cpSync(join(built, "ct_torch.node"), join(folder, "ct_torch.node"));
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  const { version, license, engines, repository, homepage, bugs } = torch;
  const manifest = {
    name: `@classifier-training/${name}`,
    version,
    description: `The native addon of @classifier-training/torch, compiled for LibTorch ${libtorch.version} on ${process.platform} ${process.arch}.`,
    license,
    type: "commonjs",
    repository,
    homepage,
    bugs,
    engines,
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === "linux" && { libc: ["glibc"] }),
    libtorch: { version: libtorch.version },
    exports: { "./ct_torch.node": "./ct_torch.node", "./package.json": "./package.json" },
    sideEffects: true,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, "README.md"), readme(manifest));
  return folder;
}

const readme = ({ name, description, libtorch }) => `# ${name}

${description}

npm installs it beside \`@classifier-training/torch\`, which takes the addon from here where it finds LibTorch ${libtorch.version},
and compiles it for any other.
`;
