import { register } from "node:module";
import { CtError } from "./errors.ts";

let typescriptReady: Promise<unknown> | undefined;

/**
 * Loader hooks that take a `.ts` file for an ES module even where no package.json says so. As CommonJS it would get
 * copies of its own of the packages that it imports, and its classes would not be theirs.
 */
const moduleHooks = `export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  const isScript = found.format === "commonjs" && /\\.tsx?(?:\\?|$)/.test(found.url);
  return isScript ? { ...found, format: "module" } : found;
}`;

async function allowTypeScript(url: string): Promise<void> {
  const tsx = await import("tsx/esm/api").catch((cause) => {
    throw new CtError({
      code: "import/tsx",
      what: "a TypeScript file cannot be loaded: the package tsx is not installed",
      where: url,
      fix: "npm install tsx, or compile the file and name the .js",
      cause,
    });
  });
  tsx.register();
  register(`data:text/javascript,${encodeURIComponent(moduleHooks)}`);
}

/**
 * Imports a user's module by its `file:` URL, in any thread; TypeScript files are compiled on the fly by tsx.
 * @throws CtError `import/tsx` for a TypeScript file where tsx is not installed
 */
export async function importModule(url: string): Promise<Record<string, unknown>> {
  if (/\.[cm]?tsx?$/.test(new URL(url).pathname)) {
    typescriptReady ??= allowTypeScript(url);
    await typescriptReady;
  }
  return (await import(url)) as Record<string, unknown>;
}
