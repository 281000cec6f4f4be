import { readFile, stat } from "node:fs/promises";
import type { StudioImageDetails } from "@classifier-training/dashboard";
import { decodeImage } from "@classifier-training/image";

/** Bytes of images that are kept in memory. */
const maxKeptBytes = 2 ** 26;
/** Images that are decoded at the same time: each may need some hundred megabytes. */
const inFlight = 4;
const maxPixels = 100_000_000;

/** What was made of an image, and of which format and size that was. */
export interface Rendering {
  readonly bytes: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** As sharp calls it; `bmp` or `pnm` for those that it does not read. */
  readonly format: string;
}

/** Images as browsers can show them: of all formats that training reads, in their EXIF orientation, and small where that is enough. */
export class Renderings {
  readonly #kept = new Map<string, Promise<Rendering>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #bytes = 0;

  /** @param side longest side in pixels @throws ImageError for a file that cannot be decoded */
  async of(path: string, side: number): Promise<Rendering> {
    const { mtimeMs, size } = await stat(path);
    const key = `${path} ${mtimeMs} ${size} ${side}`;
    const known = this.#kept.get(key);
    if (known !== undefined) {
      // The oldest one is the one that was not asked for longest.
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    const made = this.#inTurn(async () => render(await readFile(path), side, path));
    this.#kept.set(key, made);
    made.then(
      ({ bytes }) => this.#count(bytes.length),
      () => this.#kept.delete(key),
    );
    return made;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= inFlight) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #count(bytes: number): Promise<void> {
    this.#bytes += bytes;
    for (const [key, oldest] of this.#kept) {
      if (this.#bytes <= maxKeptBytes) return;
      this.#kept.delete(key);
      this.#bytes -= (await oldest).bytes.length;
    }
  }
}

/** An image file's bytes as WebP. @throws ImageError for what is not an image, is damaged, or has too many pixels */
export async function render(file: Uint8Array, side: number, name: string): Promise<Rendering> {
  const { default: sharp } = await import("sharp");
  const small = { width: side, height: side, fit: "inside", withoutEnlargement: true } as const;
  try {
    const input = sharp(file, { limitInputPixels: maxPixels, failOn: "truncated", pages: 1 });
    const { format = "", autoOrient } = await input.metadata();
    const bytes = await input.autoOrient().resize(small).webp({ quality: 82, effort: 1 }).toBuffer();
    return { bytes, ...autoOrient, format };
  } catch {
    // Another format, or one that training reads in spite of its damage; otherwise the error says what is wrong.
    const { data, width, height } = await decodeImage(file, { maxPixels, exifOrientation: true, name });
    const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
      .resize(small)
      .webp({ effort: 1 })
      .toBuffer();
    return { bytes, width, height, format: formatOf(file) };
  }
}

function formatOf(file: Uint8Array): string {
  const start = String.fromCharCode(...file.subarray(0, 3));
  if (start.startsWith("BM")) return "bmp";
  if (start.startsWith("GIF")) return "gif";
  return /^P[1-6]/.test(start) ? "pnm" : "";
}

export async function detailsOf(path: string): Promise<StudioImageDetails> {
  const { size, mtimeMs } = await stat(path);
  const known = { file: path, bytes: size, modifiedAt: mtimeMs };
  const file = await readFile(path);
  try {
    const { default: sharp } = await import("sharp");
    const { width, height, format, orientation = 1 } = await sharp(file).metadata();
    return { ...known, width, height, format, ...(orientation !== 1 && { orientation }) };
  } catch {
    try {
      const { width, height } = await decodeImage(file, { maxPixels, name: path });
      return { ...known, width, height, format: formatOf(file) };
    } catch (error) {
      return { ...known, error: error instanceof Error ? error.message : String(error) };
    }
  }
}
