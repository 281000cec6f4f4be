import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { EventSchema } from "../proto/tensorboard.generated.ts";
import { maskedCrc32c } from "./crc32c.ts";

type EventContent = NonNullable<MessageInitShape<typeof EventSchema>["what"]>;

let filesMade = 0;

/** Appends events to a new TensorBoard event file, one write an event. */
export class EventFile {
  readonly path: string;
  #file: number | undefined;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    // TensorBoard reads a directory's files in the order of their names.
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
    this.path = join(dir, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${filesMade++}`);
    this.#file = openSync(this.path, "ax");
    this.add({ case: "fileVersion", value: "brain.Event:2" }, 0);
  }

  add(what: EventContent, step: number): void {
    if (this.#file === undefined) return;
    const event = create(EventSchema, { wallTime: Date.now() / 1000, step: BigInt(Math.trunc(step)), what });
    const bytes = frame(toBinary(EventSchema, event));
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
  }

  flush(): void {
    if (this.#file !== undefined) fsyncSync(this.#file);
  }

  close(): void {
    if (this.#file === undefined) return;
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
  }
}

/** TFRecord framing: length and its checksum, data and its checksum. */
function frame(data: Uint8Array): Buffer {
  const framed = Buffer.alloc(12 + data.length + 4);
  framed.writeBigUInt64LE(BigInt(data.length), 0);
  framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8);
  framed.set(data, 12);
  framed.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return framed;
}
