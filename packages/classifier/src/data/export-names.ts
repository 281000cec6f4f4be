import { extname } from "node:path";
import { isHidden, isImageName } from "@classifier-training/image/files";

/** Bytes of a name at most: file systems allow 255, and a number may follow. */
const maxBytes = 200;

/** Names of files and folders that every system allows, each once in its folder, whatever its case. */
export class ExportNames {
  /** How often each name was wanted. */
  readonly #taken = new Map<string, number>();

  /** A name like the given one. */
  of(folder: string, wanted: string): string {
    const name = safeName(wanted);
    const extension = isImageName(name) ? extname(name) : "";
    const stem = name.slice(0, name.length - extension.length);
    for (let candidate = name; ; ) {
      const key = (text: string) => `${folder}/${text}`.normalize("NFC").toLowerCase();
      const count = (this.#taken.get(key(name)) ?? 0) + 1;
      this.#taken.set(key(name), count);
      if (count > 1) candidate = `${stem}-${count}${extension}`;
      if (candidate === name || !this.#taken.has(key(candidate))) {
        this.#taken.set(key(candidate), this.#taken.get(key(candidate)) ?? 1);
        return candidate;
      }
    }
  }

  /** The name of an image, by its path: that of a file, or of an archive's member. */
  ofImage(folder: string, path: string): string {
    const name = path.slice(Math.max(...["/", "\\", "!"].map((separator) => path.lastIndexOf(separator))) + 1);
    const safe = safeName(name);
    return this.of(folder, isImageName(safe) ? safe : `${safe}.png`);
  }
}

function safeName(text: string): string {
  let name = text.replace(/[<>:"/\\|?*\p{Cc}\p{Cs}]/gu, "_").replace(/[. ]+$/, "");
  if (name === "" || isHidden(name) || /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name)) name = `_${name}`;
  if (Buffer.byteLength(name) <= maxBytes) return name;
  const extension = isImageName(name) ? extname(name) : "";
  let stem = name.slice(0, name.length - extension.length);
  while (Buffer.byteLength(stem) > maxBytes) stem = [...stem].slice(0, -1).join("");
  return stem + extension;
}
