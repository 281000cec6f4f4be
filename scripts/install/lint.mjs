// What publint and "are the types wrong" say of the packages as they are published.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** These are ES modules with `exports`: what does not read such packages (Node.js 10, `require` before Node.js 20.19) is not meant. */
const foreignResolutions = new Set(["node10", "node16-cjs"]);

/** Prints a line for each package, with its size; @throws Error when there is a finding */
export async function lintPackages(folders, say) {
  const findings = [];
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const { messages } = await publint({ pkgDir: folder, strict: true, level: "suggestion" });
    findings.push(...messages.map((message) => `${manifest.name}: ${formatMessage(message, manifest)}`));
    const { tarball, files, unpackedSize } = pack(folder);
    findings.push(...unwanted(files).map((path) => `${manifest.name}: ${path} does not belong into a package`));
    findings.push(...missing(manifest, files).map((part) => `${manifest.name}: ${part} is missing`));
    const { problems = [] } = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
    const wrong = problems.filter(({ resolutionKind }) => !foreignResolutions.has(resolutionKind));
    findings.push(...wrong.map((problem) => `${manifest.name}: ${JSON.stringify(problem)}`));
    const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`.padStart(8);
    say(`  ${manifest.name.padEnd(34)} ${kilobytes(tarball.length)} packed ${kilobytes(unpackedSize)} unpacked`);
  }
  if (findings.length > 0) throw new Error(`findings:\n${findings.join("\n")}`);
}

const unwanted = (files) =>
  files.filter(
    (path) =>
      !path.startsWith("templates/") &&
      /\.test\.|(^|\/)(test|fixtures|bench|conformance)\/|\.map$|^src\/.*\.ts$/.test(path),
  );

/** What npm's page of a package, and those who bundle it, need. */
function missing(manifest, files) {
  const fields = ["description", "license", "repository", "homepage", "engines", "exports", "sideEffects"];
  return [
    ...fields.filter((field) => manifest[field] === undefined),
    ...["README.md", "LICENSE"].filter((path) => !files.includes(path)),
  ];
}

function pack(folder) {
  const out = mkdtempSync(join(tmpdir(), "pack-"));
  try {
    const { stdout } = spawnSync("npm", ["pack", "--json", "--pack-destination", out], {
      cwd: folder,
      encoding: "utf8",
    });
    const [{ filename, files, unpackedSize }] = Object.values(JSON.parse(stdout));
    const tarball = readFileSync(join(out, filename));
    return { tarball, files: files.map(({ path }) => path), unpackedSize };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
