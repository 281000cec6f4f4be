import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** The SHA-256 of a file, as 64 hexadecimal digits. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/**
 * The start of the SHA-256 that a published file carries in its name: `resnet18-f37072fd.pth` gives `f37072fd`.
 * The rule is PyTorch's (`torch.hub`): at least 8 hexadecimal digits between the last dash and the extension.
 */
export function hashPrefixOfName(name: string): string | undefined {
  return /-([0-9a-f]{8,64})\.[a-z.]+$/.exec(name)?.[1];
}
