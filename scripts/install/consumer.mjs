// A strict TypeScript program against the published types, by both ways of finding modules that know `exports`.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const options = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
  target: "es2023",
  lib: ["es2023", "esnext.disposable", "dom", "dom.iterable"],
  types: ["node"],
};

const resolutions = [
  ["node16", "node16"],
  ["preserve", "bundler"],
];

/** Every entry of every package of this project that is installed. */
function entries(folder) {
  const scope = "@classifier-training";
  const names = [
    ...readdirSync(join(folder, "node_modules", scope)).map((name) => `${scope}/${name}`),
    "classifier-training",
  ];
  return names.flatMap((name) => {
    const { exports } = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8"));
    const typed = Object.keys(exports).filter((path) => !/\.(json|node)$/.test(path));
    return typed.map((path) => name + path.slice(1));
  });
}

const program = `import { ones, type Tensor } from "@classifier-training/torch";
import type { PredictOptions } from "@classifier-training/inference";
export const made: Tensor = ones([2, 2]);
export const given: PredictOptions = { topK: 5 };
// @ts-expect-error: types are not any
export const wrong: PredictOptions = { topK: "5" };
`;

/**
 * @param {import("./machine.mjs").Machine} machine
 * @param folder a project with the product
 */
export async function typescriptConsumer({ run }, folder) {
  await run(folder, ["npm", "i", "-D", "typescript@5", "@types/node@20"]);
  const imports = entries(folder).map((name, i) => `export * as entry${i} from "${name}";`);
  writeFileSync(join(folder, "consumer.mts"), `${program}${imports.join("\n")}\n`);
  for (const [module, moduleResolution] of resolutions) {
    const config = { compilerOptions: { ...options, module, moduleResolution }, files: ["consumer.mts"] };
    writeFileSync(join(folder, `tsconfig.${module}.json`), JSON.stringify(config));
    await run(folder, ["npx", "tsc", "-p", `tsconfig.${module}.json`]);
  }
}
