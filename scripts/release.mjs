// Makes the folders that are published, release/<package>: what users need of each package, and nothing of development.
//   node scripts/release.mjs               after `npm run build`
//   node scripts/release.mjs --platform    the package with the addon that was built on this machine, only
//   npm publish ./release/base --access public
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { root } from "./exec.mjs";
import { platformPackage, platforms } from "./release/platform.mjs";
import { vendorZod } from "./release/zod.mjs";

/** The condition under which the sources are used in a clone; there are none in a published package. */
const sourceCondition = "classifier-source";

/** @returns {Promise<string[]>} the folders, those first that others depend on */
export async function makeRelease(out = join(root, "release")) {
  rmSync(out, { recursive: true, force: true });
  const packed = Object.values(JSON.parse(npm("pack", "--dry-run", "--json", "--workspaces")));
  const folders = readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "package.json")),
  );
  const manifests = new Map(folders.map((folder) => [folder, readManifest(folder)]));
  for (const [folder, manifest] of manifests) {
    const { files } = packed.find(({ name }) => name === manifest.name);
    const target = join(out, folder);
    for (const { path } of files.filter(({ path }) => isPublished(path)))
      copy(join(root, "packages", folder, path), join(target, path));
    copy(join(root, "LICENSE"), join(target, "LICENSE"));
    writeFileSync(join(target, "package.json"), `${JSON.stringify(publishedManifest(manifest, folder), null, 2)}\n`);
  }
  await vendorZod(join(out, "base"));
  return inOrder(manifests).map((folder) => join(out, folder));
}

/** The package with this machine's addon, beside the others. @returns {string} its folder */
export function makePlatformRelease(out = join(root, "release")) {
  return platformPackage(out, publishedManifest(readManifest("torch"), "torch"));
}

const npm = (...args) =>
  execFileSync(
    process.env.npm_execpath ? process.execPath : "npm",
    [...(process.env.npm_execpath ? [process.env.npm_execpath] : []), ...args],
    {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 2 ** 28,
    },
  );

const readManifest = (folder) => JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8"));

const isPublished = (path) => path !== "package.json" && !/^src\/|\.map$|\.tsbuildinfo$|\.test\.[^/]*$/.test(path);

/** Without the comment that names a source map: the maps point to sources that are not published. */
function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  if (!/\.(js|d\.ts)$/.test(from)) return cpSync(from, to);
  writeFileSync(to, readFileSync(from, "utf8").replace(/\n?\/\/# sourceMappingURL=\S+\n?$/, "\n"), {
    mode: statSync(from).mode,
  });
}

function publishedManifest({ scripts: _, files: __, devDependencies: ___, ...manifest }, folder) {
  const { repository } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const url = process.env.GITHUB_REPOSITORY
    ? `git+https://github.com/${process.env.GITHUB_REPOSITORY}.git`
    : repository.url;
  const web = url.replace(/^git\+|\.git$/g, "");
  const { name, version } = manifest;
  return {
    ...withoutSources(manifest),
    ...(folder === "torch" && {
      optionalDependencies: Object.fromEntries(platforms.map((platform) => [`${name}-${platform}`, version])),
    }),
    repository: { type: "git", url, directory: `packages/${folder}` },
    homepage: `${web}#readme`,
    bugs: `${web}/issues`,
  };
}

function withoutSources(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value).filter(([key]) => key !== sourceCondition);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutSources(inner)]));
}

/** A package after those that it depends on. */
function inOrder(manifests) {
  const byName = new Map([...manifests].map(([folder, { name }]) => [name, folder]));
  const done = new Set();
  const add = (folder) => {
    if (done.has(folder)) return;
    for (const name of Object.keys(manifests.get(folder).dependencies ?? {}))
      if (byName.has(name)) add(byName.get(name));
    done.add(folder);
  };
  for (const folder of manifests.keys()) add(folder);
  return [...done];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folders = process.argv.includes("--platform") ? [makePlatformRelease()] : await makeRelease();
  for (const folder of folders) process.stdout.write(`${folder}\n`);
}
