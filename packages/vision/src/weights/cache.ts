import { join } from "node:path";
import { cacheFolder, type Environment, pathOfVariable, userCacheFolder } from "@classifier-training/base";
import { switchedOn } from "@classifier-training/torch/download";

/** The folder that downloaded weights are kept in: `$XDG_CACHE_HOME/classifier-training/weights`, by default under `~/.cache`. */
export function weightsCacheFolder(env: Environment = process.env): string {
  return cacheFolder("weights", env);
}

/** PyTorch's own cache of torchvision weights; only ever read. */
export function torchHubFolder(env: Environment = process.env): string {
  const home = pathOfVariable(env["TORCH_HOME"]) ?? join(userCacheFolder(env), "torch");
  return join(home, "hub", "checkpoints");
}

/** The cache of Python's `huggingface_hub`; only ever read. */
export function huggingFaceFolder(env: Environment = process.env): string {
  return (
    pathOfVariable(env["HF_HUB_CACHE"]) ??
    join(pathOfVariable(env["HF_HOME"]) ?? join(userCacheFolder(env), "huggingface"), "hub")
  );
}

/** True when a switch of the environment forbids the network: `CLASSIFIER_OFFLINE`, `HF_HUB_OFFLINE`. */
export function offlineSwitch(env: Environment = process.env): string | undefined {
  return switchedOn(["CLASSIFIER_OFFLINE", "HF_HUB_OFFLINE"], env);
}
