// The optional package with a compiled addon: neither a compiler nor CMake is needed, and an addon that does not fit is
// never loaded.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, homeVariables, megabytes, say, sizeOf } from "./machine.mjs";
import { newestRun, quick, writePhotos } from "./product.mjs";

const coreutils = "cat cp dirname env ls mkdir mv rm sh test uname".split(" ");

/** A PATH without a compiler, CMake or Python: this Node.js, and what every system has. */
function barePath(scratch) {
  const folder = join(scratch, "bin");
  mkdirSync(folder);
  symlinkSync(process.execPath, join(folder, "node"));
  for (const name of coreutils) {
    const path = ["/usr/bin", "/bin"].map((bin) => join(bin, name)).find(existsSync);
    if (path !== undefined) symlinkSync(path, join(folder, name));
  }
  return folder;
}

/** @param {import("./machine.mjs").Machine} machine */
export async function platformPackage(machine) {
  const { run, project, newHome, scratch } = machine;
  const name = `@classifier-training/torch-${process.platform}-${process.arch}`;
  const folder = await project("prebuilt");
  await run(folder, ["npm", "i", "classifier-training"]);
  const installed = join(folder, "node_modules", name);
  expect(existsSync(installed), `${name} was not installed beside the product`);
  say(`            ${megabytes(sizeOf(installed))} in ${name}`);
  await writePhotos(folder, join(folder, "photos"));

  const classifier = join(folder, "node_modules", ".bin", "classifier");
  const path = barePath(scratch);
  const bare = (home) => ({ PATH: path, ...homeVariables(home) });
  const home = newHome("home without a compiler");
  const { text } = await run(folder, [classifier, "setup"], { env: bare(home) });
  expect(
    text.includes("took the prebuilt torch addon"),
    `setup does not say that it took the prebuilt addon:\n${text}`,
  );
  expect(!/building/.test(text), `setup compiled:\n${text}`);
  await run(folder, [classifier, "train", "photos", ...quick], { env: bare(home) });
  await run(folder, [classifier, "predict", newestRun(folder), "photos/dog/photo 1.JPG"], { env: bare(home) });

  await readOnly(machine, folder, bare(newHome("home of another user")));

  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  const real = manifest.libtorch.version;
  const refused = async (home, why) => {
    const { text } = await run(folder, [classifier, "setup"], { status: 1, env: bare(newHome(home)) });
    for (const part of [...why, `an addon for LibTorch ${real} (`, "CMake and a C++ compiler are missing", "fix: "])
      expect(text.includes(part), `an addon that does not fit: expected "${part}" in\n${text}`);
    say(`            ${text.split("\n")[0]}`);
  };
  writeFileSync(join(installed, "package.json"), JSON.stringify({ ...manifest, libtorch: { version: "9.9.9" } }));
  await refused("home with another LibTorch", [`the addon of ${name} is for LibTorch 9.9.9`]);
  writeFileSync(join(installed, "package.json"), JSON.stringify(manifest));
  truncateSync(join(installed, "ct_torch.node"), 100_000);
  await refused("home with a damaged addon", [`the addon of ${name} does not load here (`]);
}

/** Where nothing can be written into node_modules. The superuser writes everywhere, so somebody else runs it. */
async function readOnly({ run, scratch }, folder, env) {
  const nobody = 65534;
  const isRoot = process.getuid?.() === 0;
  const work = join(scratch, "a b ü", "work of another user");
  cpSync(join(folder, "photos"), join(work, "photos"), { recursive: true });
  protect(join(folder, "node_modules"));
  const classifier = [process.execPath, join(folder, "node_modules", "classifier-training", "bin", "classifier.js")];
  const as = isRoot ? ["/usr/bin/setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] : [];
  if (isRoot) await run(scratch, ["chown", "-R", `${nobody}:${nobody}`, work, env.HOME]);
  await run(work, [...as, ...classifier, "train", "photos", ...quick], { env });
  if (!isRoot) protect(join(folder, "node_modules"), 0o200);
}

/** @param adds what may be done beside reading */
function protect(folder, adds = 0) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) protect(join(folder, entry.name), adds);
  }
  chmodSync(folder, 0o555 | adds);
}
