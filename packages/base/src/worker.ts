import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a worker thread from a module of this project, given as `new URL("./my-worker.ts", import.meta.url)`.
 * In the built package the module is the `.js` beside it; when running from source (tests), Node 20 cannot load `.ts`
 * as a worker's entry point, so a small script inside the worker registers tsx first.
 */
export function spawnWorker(module: URL, options: WorkerOptions = {}): Worker {
  if (!module.pathname.endsWith(".ts")) return new Worker(module, options);
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL(module.href.replace(/\.ts$/, ".js")), options);
  const tsx = import.meta.resolve("tsx/esm/api");
  const script = `
    import(${JSON.stringify(tsx)}).then(({ register }) => { register(); return import(${JSON.stringify(module.href)}); })
      .catch((error) => { setImmediate(() => { throw error; }); });`;
  return new Worker(script, { ...options, eval: true, execArgv: ["--conditions=classifier-source"] });
}
