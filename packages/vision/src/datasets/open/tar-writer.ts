import { closeSync, openSync, writeSync } from "node:fs";

const block = 512;

/** Writes a tar file (ustar), which `readTarEntries` reads. */
export class TarWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "wx");
  }

  /** @param name its middle is left out where it has more than 100 bytes */
  add(name: string, bytes: Uint8Array): void {
    const header = Buffer.alloc(block);
    header.write(shortened(name), 0);
    header.write("0000644\0", 100);
    header.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.fill(" ", 148, 156);
    header.write("0", 156);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    this.#write(header);
    this.#write(bytes);
    this.#write(Buffer.alloc((block - (bytes.length % block)) % block));
  }

  close(): void {
    this.#write(Buffer.alloc(2 * block));
    closeSync(this.#file);
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
  }
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= 100) return name;
  return `${name.slice(0, 14)}..${name.slice(-8)}`;
}
