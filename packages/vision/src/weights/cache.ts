import { homedir } from "node:os";
import { join, resolve } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder that downloaded weights are kept in: `$XDG_CACHE_HOME/classifier-training/weights`, by default under `~/.cache`. */
export function weightsCacheFolder(env: Environment = process.env): string {
  return join(userCache(env), "classifier-training", "weights");
}

/** PyTorch's own cache of torchvision weights; only ever read. */
export function torchHubFolder(env: Environment = process.env): string {
  const home = expand(env["TORCH_HOME"]) ?? join(userCache(env), "torch");
  return join(home, "hub", "checkpoints");
}

/** The cache of Python's `huggingface_hub`; only ever read. */
export function huggingFaceFolder(env: Environment = process.env): string {
  return expand(env["HF_HUB_CACHE"]) ?? join(expand(env["HF_HOME"]) ?? join(userCache(env), "huggingface"), "hub");
}

/** True when a switch of the environment forbids the network: `CLASSIFIER_OFFLINE`, `HF_HUB_OFFLINE`. */
export function offlineSwitch(env: Environment = process.env): string | undefined {
  return ["CLASSIFIER_OFFLINE", "HF_HUB_OFFLINE"].find((name) => {
    const value = env[name]?.trim().toLowerCase();
    return value !== undefined && ["1", "true", "yes", "on"].includes(value);
  });
}

function userCache(env: Environment): string {
  return expand(env["XDG_CACHE_HOME"]) ?? join(homedir(), ".cache");
}

function expand(path: string | undefined): string | undefined {
  if (path === undefined || path === "") return undefined;
  return resolve(path.startsWith("~/") ? join(homedir(), path.slice(2)) : path);
}
