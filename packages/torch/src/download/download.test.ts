import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Handler, serveFile, startServer } from "../../test/http-server.ts";
import { download } from "./download.ts";
import type { DownloadProgress } from "./progress.ts";

vi.setConfig({ testTimeout: 30_000 });

const content = new Uint8Array(randomBytes(300_000));
const sha256 = createHash("sha256").update(content).digest("hex");
const fast = { backoffMs: 5 };

let folder: string;
let destination: string;
let cleanups: (() => unknown)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "download-"));
  destination = join(folder, "cache", "model.pth");
  cleanups = [() => rmSync(folder, { recursive: true }), setLogSinks([])];
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function serve(handler: Handler) {
  const server = await startServer(handler);
  cleanups.push(() => server.close());
  return server;
}

function expectWhole() {
  expect(Buffer.compare(readFileSync(destination), content)).toBe(0);
  expect(readdirSync(join(folder, "cache"))).toEqual(["model.pth"]);
}

test("a file arrives whole, with its hash checked and its progress reported", async () => {
  const server = await serve((request, response) => serveFile(request, response, content));
  const progress: DownloadProgress[] = [];
  await download(`${server.url}/model.pth`, destination, {
    sha256: sha256.slice(0, 8),
    onProgress: (p) => progress.push(p),
  });
  expectWhole();
  expect(progress.at(-1)).toMatchObject({ file: "model.pth", receivedBytes: 300_000, totalBytes: 300_000, done: true });
  expect(progress.length).toBeGreaterThan(1);
});

test("a connection that breaks off is continued where it ended", async () => {
  const server = await serve((request, response, count) =>
    serveFile(request, response, content, { breakAfter: count < 3 ? 100_000 : undefined }),
  );
  await download(`${server.url}/model.pth`, destination, { sha256, ...fast });
  expectWhole();
  expect(server.seen.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=100000-", "bytes=200000-"]);
  expect(server.seen[1]?.headers["if-range"]).toBe('"v1"');
});

test("what an earlier process left is continued, and started over when the file has changed on the server", async () => {
  let etag = '"v1"';
  const server = await serve((request, response) => serveFile(request, response, content, { etag }));
  mkdirSync(join(folder, "cache"));
  writeFileSync(`${destination}.part`, content.subarray(0, 1234));
  writeFileSync(`${destination}.part.json`, JSON.stringify({ validator: '"v1"' }));
  await download(`${server.url}/model.pth`, destination, fast);
  expectWhole();
  expect(server.seen[0]?.headers.range).toBe("bytes=1234-");

  rmSync(destination);
  etag = '"v2"';
  writeFileSync(`${destination}.part`, new Uint8Array(5000));
  writeFileSync(`${destination}.part.json`, JSON.stringify({ validator: '"v1"' }));
  await download(`${server.url}/model.pth`, destination, fast);
  expectWhole();
});

test("a partial file that holds everything already is only checked", async () => {
  const server = await serve((request, response) => serveFile(request, response, content));
  mkdirSync(join(folder, "cache"));
  writeFileSync(`${destination}.part`, content);
  await download(`${server.url}/model.pth`, destination, { sha256, ...fast });
  expectWhole();
  expect(server.seen).toHaveLength(1);
});

test("a truncated answer without a length is noticed by its hash, and downloaded again", async () => {
  const server = await serve((request, response, count) => {
    if (count === 1) {
      response.writeHead(200, { connection: "close" });
      response.end(content.subarray(0, 1000));
    } else {
      serveFile(request, response, content);
    }
  });
  await download(`${server.url}/model.pth`, destination, { sha256, ...fast });
  expectWhole();
});

test("a wrong hash leaves no file behind and says both hashes", async () => {
  const server = await serve((request, response) => serveFile(request, response, content));
  await expect(download(`${server.url}/model.pth`, destination, { sha256: "deadbeef", ...fast })).rejects.toThrow(
    `the file that the server sends has SHA-256 ${sha256.slice(0, 8)}, expected deadbeef`,
  );
  expect(server.seen).toHaveLength(2);
  expect(existsSync(destination)).toBe(false);
  expect(existsSync(`${destination}.part`)).toBe(false);
});

test("404 is said at once", async () => {
  const server = await serve((_, response) => response.writeHead(404).end("no"));
  await expect(download(`${server.url}/model.pth`, destination, fast)).rejects.toMatchObject({
    code: "download/http",
    message: expect.stringContaining("the server answers 404 Not Found"),
  });
  expect(server.seen).toHaveLength(1);
});

test("503 and 429 are retried, after the time that Retry-After names", async () => {
  const server = await serve((request, response, count) => {
    if (count === 1) response.writeHead(503, { "retry-after": "0" }).end();
    else if (count === 2) response.writeHead(429, { "retry-after": new Date(Date.now() + 1500).toUTCString() }).end();
    else serveFile(request, response, content);
  });
  const began = Date.now();
  await download(`${server.url}/model.pth`, destination, { sha256, backoffMs: 60_000 });
  expectWhole();
  expect(Date.now() - began).toBeLessThan(10_000);
});

test("a server that stays unavailable ends the attempts with its answer", async () => {
  const server = await serve((_, response) => response.writeHead(503).end());
  await expect(download(`${server.url}/model.pth`, destination, { attempts: 3, ...fast })).rejects.toThrow(
    "the server answers 503 Service Unavailable (3 attempts)",
  );
  expect(server.seen).toHaveLength(3);
});

test("redirects are followed across hosts without the account's token, and a loop ends", async () => {
  const target = await serve((request, response) => serveFile(request, response, content));
  const server = await serve((request, response) => {
    const location = request.url === "/a" ? "/b" : request.url === "/loop" ? "/loop" : `${target.url}/model.pth`;
    response.writeHead(302, { location, "x-linked-etag": `"${sha256}"` }).end();
  });
  await download(`${server.url}/a`, destination, { headers: { authorization: "Bearer secret" }, ...fast });
  expectWhole();
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer secret", "Bearer secret"]);
  expect(target.seen[0]?.headers.authorization).toBeUndefined();
  await expect(download(`${server.url}/loop`, join(folder, "x"), fast)).rejects.toThrow(
    "redirected more than 10 times",
  );
});

test("the hash that the hub states on its redirect is checked", async () => {
  const server = await serve((request, response) => {
    if (request.url === "/file") serveFile(request, response, content);
    else response.writeHead(307, { location: "/file", "x-linked-etag": `"${"0".repeat(64)}"` }).end();
  });
  await expect(download(`${server.url}/x`, destination, fast)).rejects.toMatchObject({ code: "download/hash" });
});

test("a silent connection is dropped and continued", async () => {
  const server = await serve((request, response, count) => {
    if (count === 1) {
      response.writeHead(200, { "content-length": content.length, etag: '"v1"' });
      response.write(content.subarray(0, 50_000));
    } else {
      serveFile(request, response, content);
    }
  });
  await download(`${server.url}/model.pth`, destination, { stallMs: 300, ...fast });
  expectWhole();
  expect(server.seen[1]?.headers.range).toBe("bytes=50000-");
});

test("two callers of one file share a download", async () => {
  const server = await serve((request, response) => serveFile(request, response, content));
  await Promise.all([1, 2, 3].map(() => download(`${server.url}/model.pth`, destination, fast)));
  expectWhole();
  expect(server.seen).toHaveLength(1);
});

test("an aborted download leaves what has arrived for the next one", async () => {
  const server = await serve((request, response, count) => {
    if (count > 1) return serveFile(request, response, content);
    response.writeHead(200, { "content-length": content.length, etag: '"v1"' });
    response.write(content.subarray(0, 60_000));
  });
  const abort = new AbortController();
  const first = download(`${server.url}/model.pth`, destination, {
    signal: abort.signal,
    onProgress: ({ receivedBytes }) => receivedBytes === 60_000 && abort.abort(),
  });
  await expect(first).rejects.toMatchObject({ name: "AbortError" });
  await download(`${server.url}/model.pth`, destination, { sha256, ...fast });
  expectWhole();
  expect(server.seen[1]?.headers.range).toBe("bytes=60000-");
});

test("a lock that a killed process left is taken over", async () => {
  const server = await serve((request, response) => serveFile(request, response, content));
  mkdirSync(join(folder, "cache"));
  writeFileSync(`${destination}.lock`, "");
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(`${destination}.lock`, longAgo, longAgo);
  await download(`${server.url}/model.pth`, destination, { sha256, ...fast });
  expectWhole();
});

test("while another process downloads the same file, this one waits and uses the result", async () => {
  const server = await serve((request, response) => serveFile(request, response, content));
  mkdirSync(join(folder, "cache"));
  writeFileSync(`${destination}.lock`, "");
  const waiting = download(`${server.url}/model.pth`, destination, { sha256, ...fast });
  setTimeout(() => {
    writeFileSync(destination, content);
    rmSync(`${destination}.lock`);
  }, 300);
  await waiting;
  expectWhole();
  expect(server.seen).toHaveLength(0);
});
