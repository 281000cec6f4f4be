import { basename, resolve } from "node:path";
import { registerResolver } from "@classifier-training/hydra";

/** What a dataset is called: the name of its folder or file, without the extension. */
export function dataName(root: string): string {
  const name = basename(resolve(root));
  return name.replace(/(\.tar)?\.(zip|tar|tgz|gz|jsonl|csv|tsv|parquet)$/i, "") || "data";
}

/** `${classifier.data_name:ROOT}`: of two datasets in one working directory, each has its own checkpoint folder. */
export function registerDataName(): void {
  registerResolver("classifier.data_name", (root: string) => dataName(String(root)), { replace: true });
}
