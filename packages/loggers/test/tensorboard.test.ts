import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { crc32c } from "../src/tensorboard/crc32c.ts";
import { TensorBoardLogger } from "../src/tensorboard-logger.ts";
import { type Fields, message, messages, parseMessage, text } from "./wandb-log-reader.ts";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** CRC-32C bit by bit, from its definition: shares nothing with the writer's table. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let i = 0; i < 8; i++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return Number(crc ^ 0xffffffffn);
}

function masked(bytes: Uint8Array): number {
  const crc = BigInt(slowCrc32c(bytes));
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

function readEvents(path: string): Fields[] {
  const bytes = readFileSync(path);
  const events: Fields[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(data));
    events.push(parseMessage(data));
    at += 16 + length;
  }
  return events;
}

const bytesOf = (fields: Fields, number: number) => fields.get(number)?.[0] as Buffer;

/** Step and tagged values of each event with a summary. */
function summaries(events: readonly Fields[]): { step: number; tag: string; value: Fields }[] {
  return events
    .filter((event) => event.has(5))
    .flatMap((event) =>
      messages(message(event, 5), 1).map((value) => ({
        step: Number(event.get(2)?.[0] ?? 0n),
        tag: text(value, 1),
        value,
      })),
    );
}

const doubles = (fields: Fields, number: number) => {
  const bytes = bytesOf(fields, number);
  return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(i * 8));
};

test("CRC-32C has its published check value", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
});

test("scalars, images, text, histograms and hyperparameters are read back by an independent reader", async () => {
  const saveDir = mkdtempSync(join(tmpdir(), "tb-"));
  const logger = new TensorBoardLogger({ saveDir, name: "jerseys" });
  logger.logHyperparams({ model: { name: "resnet18" }, lr: 0.1, ema: true });
  logger.logMetrics({ "train/loss": 0.5, acc: 0.25 }, 0);
  logger.logMetrics({ "train/loss": Number.NaN }, 70_000);
  logger.logImage("samples", [{ png }, { png }], 3);
  logger.logText("note", "**hello**", 3);
  logger.logTable("table", { columns: ["a|b"], data: [[1]] }, 3);
  logger.logHistogram("weights", [1, 2, 2, Number.POSITIVE_INFINITY, 5], 4);
  await logger.finalize("success");
  logger.close();

  const dir = join(saveDir, "jerseys", "version_0");
  expect(logger.logDir).toBe(dir);
  expect(readFileSync(join(dir, "hparams.yaml"), "utf8")).toContain("name: resnet18");
  const [name] = readdirSync(dir).filter((file) => file.includes("tfevents"));
  expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\..+\.\d+\.\d+$/);
  const events = readEvents(join(dir, name as string));
  expect(text(events[0] as Fields, 3)).toBe("brain.Event:2");
  expect(Math.abs(bytesOf(events[0] as Fields, 1).readDoubleLE() - Date.now() / 1000)).toBeLessThan(60);

  const values = summaries(events);
  const find = (tag: string, step: number) =>
    values.find((entry) => entry.tag === tag && entry.step === step)?.value as Fields;
  const float = (fields: Fields) => bytesOf(fields, 2).readFloatLE();
  expect(float(find("train/loss", 0))).toBe(0.5);
  expect(float(find("acc", 0))).toBe(0.25);
  expect(float(find("train/loss", 70_000))).toBeNaN();
  expect(float(find("hp_metric", 0))).toBe(-1);

  const image = message(find("samples/1", 3), 4);
  expect([1, 2, 3].map((field) => Number(image.get(field)?.[0]))).toEqual([1, 1, 4]);
  expect(bytesOf(image, 4).equals(png)).toBe(true);

  const note = find("note/text_summary", 3);
  expect(text(message(message(note, 9), 1), 1)).toBe("text");
  expect(text(message(note, 8), 8)).toBe("**hello**");
  expect(Number(message(note, 8).get(1)?.[0])).toBe(7);
  expect(text(message(find("table/text_summary", 3), 8), 8)).toBe("| a\\|b |\n| --- |\n| 1 |");

  const histogram = message(find("weights", 4), 5);
  expect([1, 2, 3, 4, 5].map((field) => bytesOf(histogram, field).readDoubleLE())).toEqual([1, 5, 4, 10, 34]);
  const counts = doubles(histogram, 7);
  expect(counts.reduce((a, b) => a + b)).toBe(4);
  expect(doubles(histogram, 6)).toHaveLength(counts.length);

  const start = message(message(find("_hparams_/session_start_info", 0), 9), 1);
  expect(text(start, 1)).toBe("hparams");
  const hparams = messages(message(message(start, 2), 3), 1).map((entry) => text(entry, 1));
  expect(hparams.sort()).toEqual(["ema", "lr", "model/name"]);
  const end = message(message(message(find("_hparams_/session_end_info", 70_000), 9), 1), 2);
  expect(Number(message(end, 4).get(1)?.[0])).toBe(1);
  expect(new TensorBoardLogger({ saveDir, name: "jerseys" }).version).toBe(1);
});
