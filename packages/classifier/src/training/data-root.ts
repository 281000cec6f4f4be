import { resolve } from "node:path";
import { type DictConfig, select } from "@classifier-training/hydra";

/** The data path of a configuration, as it is written there. */
export function dataRootOf(config: DictConfig): string | undefined {
  const root = select(config, "data.data_root");
  return typeof root === "string" ? root : undefined;
}

/** What the record of a run says of its data. */
export function recordedData(config: DictConfig): { readonly dataRoot?: string } {
  const root = dataRootOf(config);
  return root === undefined ? {} : { dataRoot: resolve(root) };
}
