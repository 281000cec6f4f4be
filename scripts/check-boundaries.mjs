// Packages import only downward, and so do the folders inside a package; no files import one another in a circle. The
// tables are the architecture: a package.json cannot widen them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dirname, normalize } from "node:path/posix";
import { endCheck, root } from "./exec.mjs";

const mayImport = {
  base: [],
  runs: ["base"],
  hydra: ["base"],
  image: ["base"],
  torch: ["base"],
  dashboard: ["base", "runs"],
  inference: ["base", "image", "runs"],
  vision: ["base", "image", "torch"],
  // ONNX Runtime is opened in one place (telemetry off, one error text): inference, which may import less than onnx.
  onnx: ["base", "inference", "torch"],
  tensorflow: ["base", "onnx"],
  lightning: ["base", "torch", "runs"],
  loggers: ["base", "lightning", "runs"],
  jersey: ["base", "image", "lightning", "onnx", "runs", "torch", "vision"],
  classifier: [
    ...["base", "hydra", "torch", "image", "vision", "lightning", "loggers", "onnx", "runs"],
    ...["inference", "dashboard", "jersey", "tensorflow"],
  ],
};

/**
 * The folders of a package from the lowest level to the highest: a file imports from its own folder and from lower levels.
 * Files beside `index.ts` are a level of their own above all folders, unless they are named. `a + b` is a pair that still
 * imports one another. A folder that is not named belongs to the one that it lies in.
 */
const folderOrder = {
  image: [["errors.ts"], ["files.ts", "image.ts", "kernels"], ["functional"], ["codecs", "transforms"], ["platform"]],
  torch: [
    ["errors.ts", "download"],
    ["libtorch"],
    ["scope.ts"],
    ["native + ops + autograd + tensor + random.ts"],
    ["distributed", "serialization"],
    ["fused"],
    ["nn"],
    ["optim"],
    ["amp"],
  ],
  hydra: [
    ["errors.ts"],
    ["yaml"],
    ["omegaconf"],
    ["overrides", "instantiate"],
    ["defaults"],
    ["sources"],
    ["compose"],
    ["app"],
  ],
  vision: [
    ["errors.ts", "weights"],
    ["datasets", "samplers", "models"],
    ["datasets/content"],
    ["datasets/partition"],
    ["datasets/check", "loader"],
    ["batch-transforms"],
  ],
  onnx: [["errors.ts", "proto"], ["graph"], ["ops", "transform", "import"]],
  tensorflow: [["errors.ts", "network.ts"], ["graph"], ["ops"], ["tflite", "tfjs"]],
  lightning: [
    ["utilities"],
    ["data", "loggers", "metrics", "plugins", "profilers", "strategies"],
    ["checkpoint", "precision"],
    ["core"],
    ["callbacks", "run"],
    ["loops"],
    ["trainer"],
  ],
  dashboard: [
    ["api-types.ts", "evaluation-types.ts", "job-types.ts"],
    ["http", "runs"],
    ["evaluations", "metrics"],
    ["api"],
  ],
  loggers: [
    ["checkpoint-scan.ts", "http.ts", "hyperparams.ts", "yaml.ts", "proto"],
    ["mlflow", "wandb"],
    ["tensorboard"],
  ],
  classifier: [
    ["extensions.ts", "plugins.ts", "register.ts", "target-names.generated.ts", "drawing", "scaffold", "statistics"],
    ["evaluation"],
    ["data", "model/file"],
    ["model"],
    ["callbacks"],
    ["targets.ts", "training"],
    ["registry.ts", "inference"],
    ["bundle", "analysis"],
    ["verify"],
    ["studio/predict"],
    ["studio/jobs"],
    ["studio"],
    ["cli"],
  ],
};

const scope = "@classifier-training/";
const problems = [];
let count = 0;

for (const [name, allowed] of Object.entries(mayImport)) {
  const imports = importsOf(join(root, "packages", name, "src"));
  count += imports.size;
  for (const [file, targets] of imports) {
    for (const { specifier } of targets) {
      if (!specifier.startsWith(scope)) continue;
      const target = specifier.slice(scope.length).split("/")[0];
      if (target === name || allowed.includes(target)) continue;
      problems.push(
        `packages/${name}/src/${file}: ${name} may not import ${target} (allowed: ${allowed.join(", ") || "nothing"})`,
      );
    }
  }
  if (folderOrder[name] !== undefined) checkFolders(name, folderOrder[name], imports);
  checkCircles(name, imports);
}

/** The imports of the source files of a folder, by file, those of types too. Tests see everything, and are left out. */
function importsOf(folder) {
  const statement = /\b(?:import|export)\s+(?:type\s+)?(?:[^;"'`]*?\s*from\s*)?["']([^"'\n]+)["']/g;
  const dynamic = /\bimport\s*\(\s*["']([^"'\n]+)["']/g;
  const files = readdirSync(folder, { recursive: true }).filter((file) => /(?<!\.test)\.ts$/.test(file));
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(folder, file), "utf8");
      const specifiers = [...text.matchAll(statement), ...text.matchAll(dynamic)].map(([, specifier]) => specifier);
      return [
        file,
        specifiers.map((specifier) => ({
          specifier,
          file: specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : undefined,
        })),
      ];
    }),
  );
}

function checkFolders(name, levels, imports) {
  const height = new Map(
    levels.flatMap((units, i) => units.flatMap((unit) => unit.split(" + ").map((one) => [one, i]))),
  );
  const together = new Map(levels.flat().flatMap((unit) => unit.split(" + ").map((one) => [one, unit])));
  const unitOf = (file) => {
    if (!file.includes("/")) return height.has(file) ? file : ".";
    let folder = dirname(file);
    while (!height.has(folder) && folder.includes("/")) folder = dirname(folder);
    return folder;
  };
  const heightOf = (unit) => (unit === "." ? levels.length : height.get(unit));
  const seen = new Set();
  for (const [file, targets] of imports) {
    const own = unitOf(file);
    seen.add(own);
    if (heightOf(own) === undefined)
      problems.push(`packages/${name}/src/${file}: '${own}' has no place in folderOrder`);
    for (const { file: target } of targets) {
      if (target === undefined || !imports.has(target)) continue;
      const other = unitOf(target);
      if (own === other || heightOf(other) < heightOf(own)) continue;
      if (together.get(own) !== undefined && together.get(own) === together.get(other)) continue;
      problems.push(`packages/${name}/src/${file}: ${own} may not import ${other} (${target}), which is not below it`);
    }
  }
  for (const unit of height.keys()) {
    if (!seen.has(unit)) problems.push(`folderOrder names '${unit}' of ${name}, which does not exist`);
  }
}

function checkCircles(name, imports) {
  const next = (file) => (imports.get(file) ?? []).flatMap(({ file: target }) => target ?? []);
  const done = new Set();
  const path = [];
  const visit = (file) => {
    const at = path.indexOf(file);
    if (at !== -1)
      problems.push(`packages/${name}/src: imports in a circle: ${[...path.slice(at), file].join(" -> ")}`);
    if (at !== -1 || done.has(file)) return;
    path.push(file);
    for (const target of next(file)) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
}

endCheck(`package boundaries: ${count} files`, count, problems);
