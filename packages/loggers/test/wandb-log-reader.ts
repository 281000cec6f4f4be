import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";

/** A protobuf message without a schema: field numbers to the values seen, in order. */
export type Fields = Map<number, (bigint | Buffer)[]>;

/**
 * Reads a `.wandb` file from the description of the format alone, sharing no code with the writer: the records whose
 * chunks are complete, and why it stopped. Any checksum that does not fit is an error.
 */
export function readWandbLog(path: string): { records: Fields[]; end: "complete" | "truncated" } {
  const bytes = readFileSync(path);
  if (bytes.toString("latin1", 0, 4) !== ":W&B") throw new TypeError("no :W&B");
  if (bytes.readUInt16LE(4) !== 0xbee1 || bytes[6] !== 0) throw new TypeError("magic or version");
  const records: Fields[] = [];
  let open: Buffer[] | undefined;
  for (let at = 7; at < bytes.length; ) {
    const inBlock = 32768 - (at % 32768);
    if (inBlock < 7) {
      if (bytes.subarray(at, at + inBlock).some((byte) => byte !== 0)) throw new TypeError("padding is not zero");
      at += inBlock;
      continue;
    }
    if (at + 7 > bytes.length) return { records, end: "truncated" };
    const length = bytes.readUInt16LE(at + 4);
    const type = bytes[at + 6];
    if (length + 7 > inBlock) throw new TypeError(`a chunk crosses its block at ${at}`);
    if (at + 7 + length > bytes.length) return { records, end: "truncated" };
    if (crc32(bytes.subarray(at + 6, at + 7 + length)) !== bytes.readUInt32LE(at))
      throw new TypeError(`checksum at ${at}`);
    const data = bytes.subarray(at + 7, at + 7 + length);
    at += 7 + length;
    if (type === 1 || type === 2) {
      if (open !== undefined) throw new TypeError("a record begins inside another");
      open = [data];
    } else if ((type === 3 || type === 4) && open !== undefined) open.push(data);
    else throw new TypeError(`chunk type ${type}`);
    if (type === 1 || type === 4) {
      records.push(parseMessage(Buffer.concat(open)));
      open = undefined;
    }
  }
  return { records, end: open === undefined ? "complete" : "truncated" };
}

export function parseMessage(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new TypeError("the message ends in a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const size = (tag & 7) === 2 ? Number(varint()) : (tag & 7) === 1 ? 8 : (tag & 7) === 5 ? 4 : 0;
    const value = size > 0 || (tag & 7) !== 0 ? bytes.subarray(at, at + size) : varint();
    if (typeof value !== "bigint") {
      if (value.length < size) throw new TypeError("the message ends in a field");
      at += size;
    }
    const list = fields.get(tag >> 3) ?? [];
    list.push(value);
    fields.set(tag >> 3, list);
  }
  return fields;
}

export function message(fields: Fields, number: number): Fields {
  const value = fields.get(number)?.[0];
  return value instanceof Buffer ? parseMessage(value) : new Map();
}

export function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).map((value) => parseMessage(value as Buffer));
}

export function text(fields: Fields, number: number): string {
  return String((fields.get(number)?.[0] as Buffer | undefined)?.toString("utf8") ?? "");
}

/** The kinds of records by their field numbers in `Record`. */
export const recordKinds: Readonly<Record<number, string>> = {
  2: "history",
  3: "summary",
  5: "config",
  6: "files",
  7: "stats",
  8: "artifact",
  11: "telemetry",
  12: "metric",
  13: "output_raw",
  17: "run",
  18: "exit",
  20: "final",
  21: "header",
  22: "footer",
  26: "environment",
};

export function kindOf(record: Fields): string {
  for (const number of record.keys()) if (recordKinds[number] !== undefined) return recordKinds[number];
  return "unknown";
}

/** The rows of the history: item 16 is JSON, 2 the path of names. */
export function historyRows(records: readonly Fields[]): Record<string, unknown>[] {
  return records
    .filter((record) => kindOf(record) === "history")
    .map((record) => {
      const items = messages(message(record, 2), 1);
      return Object.fromEntries(items.map((item) => [text(item, 2), parse(text(item, 16))]));
    });
}

function parse(json: string): unknown {
  return json === "NaN" ? Number.NaN : json.endsWith("Infinity") ? Number(json) : JSON.parse(json);
}
