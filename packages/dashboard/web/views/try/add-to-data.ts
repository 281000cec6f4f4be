import type { ImportReply } from "../../../src/studio-types.ts";
import { api } from "../../state/api.ts";
import { edit } from "../studio/store.ts";

/** Imports an image into the data with a label. @returns its path @throws Error with a sentence when it is refused */
export async function addToData(image: Blob, name: string, label: string): Promise<string> {
  const { files } = await api<ImportReply>(`studio/files?name=${encodeURIComponent(name)}`, "POST", image);
  const [file] = files;
  if (file?.path === undefined) throw new Error(file?.error ?? "the image was not taken");
  const { path, isNew } = file;
  if (!isNew) await labelInData(path, label);
  else if (!(await edit({ op: "add", images: [{ path, source: name }], label }, `${name} is ${label}`)))
    throw new Error("the image was not added");
  return path;
}

/** @throws Error when it was not written */
export async function labelInData(path: string, label: string): Promise<void> {
  const isWritten = await edit({ op: "label", images: [path], label }, `it is ${label}`);
  if (!isWritten) throw new Error("the label was not saved");
}
