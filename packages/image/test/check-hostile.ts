import { pathToFileURL } from "node:url";
import { decodeImage } from "../src/codecs/decode.ts";
import { ImageError } from "../src/errors.ts";
import { hostileFiles } from "./hostile-files.ts";

export interface HostileResult {
  readonly problems: string[];
  readonly decoded: number;
  readonly refused: number;
}

/** Decodes hostile files and compares with what must happen. */
export async function checkHostile(count: number, seed = 1): Promise<HostileResult> {
  const problems: string[] = [];
  let decoded = 0;
  let refused = 0;
  for await (const { kind, bytes, outcome } of hostileFiles(count, seed)) {
    const name = `${kind} (${bytes.length} bytes)`;
    try {
      const { width, height, channels, data } = await decodeImage(bytes, { name });
      decoded++;
      if (channels !== 3 || data.length !== width * height * 3) problems.push(`${name}: not RGB`);
      if (outcome === "refused") problems.push(`${name}: decoded to ${width}x${height}, should be refused`);
      else if (outcome !== "either" && (width !== outcome.width || height !== outcome.height)) {
        problems.push(`${name}: ${width}x${height} instead of ${outcome.width}x${outcome.height}`);
      }
      // A loader that needs only a part of the image finds the same size, or nothing.
      const corner = { left: width >> 1, top: 0, width: 1, height: 1 };
      const part = await decodeImage(bytes, { name, regionOf: () => corner });
      if (part.width !== width || part.height !== height) problems.push(`${name}: its part is of another size`);
      const at = 3 * corner.left;
      if (String(part.data.slice(at, at + 3)) !== String(data.slice(at, at + 3)))
        problems.push(`${name}: its part differs`);
    } catch (error) {
      refused++;
      if (!ImageError.is(error) || !error.message.includes(name)) problems.push(`${name}: ${String(error)}`);
      else if (typeof outcome === "object") problems.push(`${name}: ${error.message}`);
    }
  }
  return { problems, decoded, refused };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const count = Number(process.argv[2] ?? 2000);
  const { problems, decoded, refused } = await checkHostile(count);
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(`${count} hostile files: ${decoded} decoded, ${refused} refused, ${problems.length} wrong\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
