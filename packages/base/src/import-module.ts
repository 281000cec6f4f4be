import { register } from "node:module";

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

async function allowTypeScript(): Promise<void> {
  const tsx = await import("tsx/esm/api");
  tsx.register();
  register(`data:text/javascript,${encodeURIComponent(moduleHooks)}`);
}

/** Imports a module of the user's by its `file:` URL, in any thread; TypeScript files are compiled on the way (tsx). */
export async function importModule(url: string): Promise<Record<string, unknown>> {
  if (/\.[cm]?tsx?$/.test(new URL(url).pathname)) {
    typescriptReady ??= allowTypeScript();
    await typescriptReady;
  }
  return (await import(url)) as Record<string, unknown>;
}
