let typescriptReady: Promise<unknown> | undefined;

/** Imports a module of the user's by its `file:` URL, in any thread; TypeScript files are compiled on the way (tsx). */
export async function importModule(url: string): Promise<Record<string, unknown>> {
  if (/\.[cm]?tsx?$/.test(new URL(url).pathname)) {
    typescriptReady ??= import("tsx/esm/api").then(({ register }) => register());
    await typescriptReady;
  }
  return (await import(url)) as Record<string, unknown>;
}
