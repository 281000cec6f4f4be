import { expect, test } from "vitest";
import { SnapshotPool } from "./snapshot-pool.ts";
import { touchPages } from "./write-job.ts";

test("memory made ready in advance is what the first snapshot gets, and later ones after it", async () => {
  const pool = new SnapshotPool();
  const ready = pool.prepare(1000);
  const first = await pool.acquire(900);
  expect(first.data).toBe(ready);
  first.users++;
  pool.release(first);
  expect((await pool.acquire(1000)).data).toBe(ready);
});

test("memory is not made ready twice, nor while snapshots are about", async () => {
  const pool = new SnapshotPool();
  expect(pool.prepare(1000)).toBeDefined();
  expect(pool.prepare(500)).toBeUndefined();
  await pool.acquire(100);
  expect(pool.prepare(5000)).toBeUndefined();
});

test("a larger checkpoint than foreseen gets memory of its own, and the smaller one is let go", async () => {
  const pool = new SnapshotPool();
  const small = pool.prepare(1000);
  const large = await pool.acquire(2000);
  expect(large.data.byteLength).toBe(2000);
  large.users++;
  pool.release(large);
  expect((await pool.acquire(10)).data).not.toBe(small);
});

test("a third snapshot waits until one of two is written", async () => {
  const pool = new SnapshotPool();
  const first = await pool.acquire(10);
  await pool.acquire(10);
  let third: unknown;
  const waiting = pool.acquire(10).then((buffer) => {
    third = buffer;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(third).toBeUndefined();
  first.users++;
  pool.release(first);
  await waiting;
  expect(third).toBe(first);
});

test("touching pages changes nothing in them", () => {
  const memory = new SharedArrayBuffer(3 * 4096 + 5);
  new Uint8Array(memory).fill(9);
  touchPages(memory);
  expect(new Uint8Array(memory).every((byte) => byte === 9)).toBe(true);
});
