import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { setLogSinks } from "@classifier-training/base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { locateLibTorch } from "../../native/setup.mjs";
import { type Handler, serveFile, startServer } from "../../test/http-server.ts";
import { layout, link, member, tableFor, zip } from "../../test/libtorch-archive.ts";
import { type ArchiveTable, archiveTable, downloadLibTorch } from "./index.ts";

vi.setConfig({ testTimeout: 30_000 });

const archive = zip(layout);
const probe = fileURLToPath(new URL("../../test/libtorch-probe.ts", import.meta.url));

let cache: string;
let cleanups: (() => unknown)[];

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "libtorch a b ü-"));
  cache = join(folder, "cache");
  vi.stubEnv("XDG_CACHE_HOME", cache);
  vi.stubEnv("LIBTORCH", "");
  cleanups = [() => rmSync(folder, { recursive: true, force: true }), () => vi.unstubAllEnvs(), setLogSinks([])];
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function serve(handler: Handler) {
  const server = await startServer(handler);
  cleanups.push(() => server.close());
  return { ...server, archive: `${server.url}/libtorch.zip` };
}

const inCache = (...parts: string[]) => join(cache, "classifier-training", "libtorch", ...parts);
const found = () => (locateLibTorch()?.kind === "download" ? locateLibTorch() : undefined);
const failure = (table: ArchiveTable, build?: string): Promise<{ code: string; message: string }> =>
  downloadLibTorch({ table, build, backoffMs: 5 }).then(
    () => ({ code: "none", message: "" }),
    (error) => error,
  );

function expectWhole() {
  expect(found()).toMatchObject({ version: "2.7.1", libDir: inCache("2.7.1+cpu/libtorch/lib") });
  expect(readdirSync(inCache())).toEqual(["2.7.1+cpu", "partial"]);
  expect(readdirSync(inCache("partial"))).toEqual([]);
  expect(readFileSync(inCache("2.7.1+cpu/libtorch/lib/libtorch.so"), "utf8")).toBe("ELF".repeat(100_000));
}

/** Runs the download in a process of its own. */
function start(table: ArchiveTable, env: Record<string, string> = {}) {
  const args = ["--conditions=classifier-source", "--import", "tsx", probe, JSON.stringify(table)];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env } });
  cleanups.push(() => child.kill("SIGKILL"));
  const ended = Promise.all([text(child.stdout), once(child, "close")]);
  return { child: child as ChildProcess, done: ended.then(([output]) => (output === "" ? {} : JSON.parse(output))) };
}

test("an archive is fetched, checked and unpacked with links and executable bits, and found from then on", async () => {
  const server = await serve((request, response, count) =>
    serveFile(request, response, archive, { breakAfter: count === 1 ? 100_000 : undefined }),
  );
  const steps: string[] = [];
  const table = tableFor(server.archive, archive);
  const result = await downloadLibTorch({ table, backoffMs: 5, onStep: (line) => steps.push(line) });
  expect(result).toEqual({ name: "2.7.1+cpu", folder: inCache("2.7.1+cpu/libtorch"), how: "downloaded" });
  expectWhole();
  expect(readlinkSync(inCache("2.7.1+cpu/libtorch/lib/libtorch.so"))).toBe("libtorch_cpu.so");
  expect(statSync(inCache("2.7.1+cpu/libtorch/bin/torch_shm_manager")).mode & 0o777).toBe(0o755);
  expect(statSync(inCache("2.7.1+cpu/libtorch/build-version")).mode & 0o111).toBe(0);
  expect(steps).toEqual(["downloading LibTorch 2.7.1+cpu", "unpacking LibTorch 2.7.1+cpu"]);
  expect(server.seen.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=100000-"]);

  expect((await downloadLibTorch({ table })).how).toBe("present");
  expect(server.seen).toHaveLength(2);
});

test("of several the one that was asked for last is used, and what is not complete is passed over", async () => {
  const server = await serve((request, response) => serveFile(request, response, archive));
  const first = tableFor(server.archive, archive);
  const second = { ...first, version: "2.6.0" };
  await downloadLibTorch({ table: first });
  await downloadLibTorch({ table: second });
  expect(found()?.libDir).toBe(inCache("2.6.0+cpu/libtorch/lib"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await downloadLibTorch({ table: first });
  expect(found()?.libDir).toBe(inCache("2.7.1+cpu/libtorch/lib"));
  rmSync(inCache("2.7.1+cpu/libtorch/include"), { recursive: true });
  rmSync(inCache("2.7.1+cpu/libtorch/build-version"));
  expect(found()?.libDir).toBe(inCache("2.6.0+cpu/libtorch/lib"));
});

test("what a server does wrong is one sentence, and leaves nothing that would be taken for LibTorch", async () => {
  const server = await serve((request, response, count) => {
    if (request.url === "/missing") response.writeHead(404).end();
    else if (request.url === "/busy") response.writeHead(503).end();
    else if (request.url === "/circle") response.writeHead(302, { location: "/circle" }).end();
    else if (request.url === "/away") response.writeHead(302, { location: "file:///etc/passwd" }).end();
    else if (request.url === "/cut") response.writeHead(200).end(archive.subarray(0, 1000 + count));
    else serveFile(request, response, archive);
  });
  const at = (path: string) => tableFor(`${server.url}/${path}`, archive);
  const cases: [ArchiveTable, string, RegExp][] = [
    [at("missing"), "download/http", /LibTorch 2\.7\.1\+cpu cannot be fetched: the server answers 404 Not Found\n/],
    [at("busy"), "download/network", /answers 503 Service Unavailable \(5 attempts\)[\s\S]*run the same command again/],
    [at("circle"), "download/http", /redirected more than 10 times/],
    [at("away"), "download/http", /redirected to file:\/\/\/etc\/passwd, which is not http/],
    [at("cut"), "download/size", /a file of \d+ bytes, expected \d+/],
    [
      tableFor(server.archive, archive, { bytes: 7 }),
      "download/size",
      new RegExp(`${archive.length} bytes, expected 7`),
    ],
    [tableFor(server.archive, archive, { sha256: "0".repeat(64) }), "download/hash", /SHA-256 \w{64}, expected 0{64}/],
  ];
  for (const [table, code, message] of cases) {
    const error = await failure(table);
    expect(error.code, error.message).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/\n {2}fix: .*set LIBTORCH to its folder/);
  }
  expect(found()).toBeUndefined();
  expect(readdirSync(inCache("partial")).filter((name) => !name.endsWith(".part.json"))).toEqual([]);
});

test("what cannot be fetched here is said before anything is", async () => {
  const none = { ...archiveTable, builds: {} };
  expect(await failure(none)).toMatchObject({ code: "libtorch/platform", message: expect.stringContaining("  fix: ") });
  const unknown = await failure(tableFor("http://127.0.0.1:9", archive), "cu91");
  expect(unknown).toMatchObject({
    code: "libtorch/build",
    message: expect.stringContaining("expected the build cpu,"),
  });
  if (process.platform === "linux") {
    const glibc = await failure({ ...tableFor("http://127.0.0.1:9", archive), glibc: "99.1" });
    expect(glibc.message).toMatch(/needs glibc 99\.1, and this system has 2\.\d+\n {2}fix: /);
  }
  vi.stubEnv("CLASSIFIER_OFFLINE", "1");
  expect((await failure(tableFor("http://127.0.0.1:9", archive))).message).toContain("CLASSIFIER_OFFLINE is set");
  vi.stubEnv("CLASSIFIER_LIBTORCH_MIRROR", "mirror.example");
  const real = await failure(tableFor("https://download.pytorch.org/libtorch/cpu/x.zip", archive));
  expect(real.message).toContain("expected an http or https address, received 'mirror.example'");
  expect(existsSync(cache)).toBe(false);
});

test("no archive writes outside of its folder", async () => {
  const hostile: [string, Parameters<typeof zip>[0], RegExp][] = [
    ["a path that climbs", { "libtorch/../../evil": member("x") }, /invalid relative path/],
    ["an absolute path", { "/tmp/evil": member("x") }, /absolute path/],
    ["a drive", { "C:/evil": member("x") }, /absolute path/],
    ["a backslash", { "libtorch\\..\\..\\evil": member("x") }, /invalid relative path/],
    ["a link that climbs", { "libtorch/lib": link("../..") }, /link to '\.\.\/\.\.'/],
    ["an absolute link", { "libtorch/lib": link("/etc") }, /link to '\/etc'/],
    ["a link that climbs later", { "libtorch/a/b/x": link("l/../../..") }, /link to 'l\/\.\.\/\.\.\/\.\.'/],
    [
      "a link below a link",
      { "libtorch/a/b/c/l": link("../../.."), "libtorch/a/b/c/l/m": link("../..") },
      /'libtorch\/a\/b\/c\/l\/m' is a link to/,
    ],
    ["a file below a link", { "libtorch/l": link("include"), "libtorch/l/evil": member("x") }, /EEXIST/],
    ["a device", { "libtorch/null": member("", 0o020666) }, /neither a file nor a folder nor a link/],
    ["another layout", { "other/file": member("x") }, /has no folder libtorch\/include/],
  ];
  const archives = hostile.map(([, members]) => zip(members));
  const server = await serve((request, response) =>
    serveFile(request, response, archives[Number(request.url?.slice(1))] ?? new Uint8Array()),
  );
  for (const [i, [name, , message]] of hostile.entries()) {
    const error = await failure(tableFor(`${server.url}/${i}`, archives[i] as Uint8Array));
    expect(error.code, `${name}: ${error.message}`).toBe("libtorch/archive");
    expect(error.message, name).toMatch(message);
    expect(readdirSync(inCache()), name).toEqual(["partial"]);
    expect(readdirSync(inCache("partial")), name).toEqual([]);
  }
  expect(existsSync(join(cache, "..", "evil"))).toBe(false);
  expect(existsSync("/tmp/evil")).toBe(false);
});

test("a process that is killed in the middle leaves what the next one resumes, and two at once share one download", async () => {
  let stalls = true;
  const server = await serve((request, response) => {
    if (!stalls) return serveFile(request, response, archive);
    response.writeHead(200, { "content-length": archive.length, etag: '"v1"' });
    response.write(archive.subarray(0, 50_000));
  });
  const table = tableFor(server.archive, archive);
  const killed = start(table);
  await once(killed.child.stderr as NodeJS.ReadableStream, "data");
  killed.child.kill("SIGKILL");
  await killed.done;
  expect(found()).toBeUndefined();
  stalls = false;
  const results = await Promise.all([start(table).done, start(table).done]);
  expect(results.map(({ how }) => how).sort()).toEqual(["downloaded", "present"]);
  expectWhole();
  expect(server.seen.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=50000-"]);
});

/** A file system of a few bytes, for which a test must be root. @returns whether there is one */
function mounted(folder: string, options: string): boolean {
  mkdirSync(folder, { recursive: true });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" }).status !== 0)
    return false;
  cleanups.push(() => spawnSync("umount", ["-l", folder]));
  return true;
}

test("a disk without room is noticed before, while and after the archive arrives, and nothing is lost", async (context) => {
  const big = zip({ ...layout, "libtorch/lib/zeros": member("0".repeat(3_000_000)) }, 9);
  const server = await serve((request, response) => {
    if (request.url !== "/unknown") return serveFile(request, response, request.url === "/big" ? big : archive);
    response.writeHead(200, { connection: "close" }).end(archive);
  });
  if (!mounted(cache, "size=200k")) context.skip("mounting a file system takes root");
  expect(await failure(tableFor(server.archive, archive))).toMatchObject({
    code: "download/space",
    message: expect.stringMatching(/not enough space: expected 2 MB free, received 1 MB\n.*\n {2}fix: free space on/),
  });
  expect(readdirSync(inCache("partial"))).toEqual([]);
  expect(await failure(tableFor(`${server.url}/unknown`, archive))).toMatchObject({
    code: "download/write",
    message: expect.stringMatching(/cannot be written: ENOSPC.*\n.*\n {2}fix: free space on that disk/),
  });
  rmSync(inCache("partial"), { recursive: true });

  expect((await failure(tableFor(`${server.url}/big`, big))).code).toBe("download/space");
  const asked = server.seen.length;
  spawnSync("mount", ["-o", "remount,size=8000k", cache]);
  await downloadLibTorch({ table: tableFor(`${server.url}/big`, big) });
  expectWhole();
  expect(server.seen).toHaveLength(asked);
});

test("a cache that cannot be written is a sentence", async (context) => {
  const server = await serve((request, response) => serveFile(request, response, archive));
  if (!mounted(cache, "ro")) context.skip("mounting a file system takes root");
  expect(await failure(tableFor(server.archive, archive))).toMatchObject({
    code: "download/write",
    message: expect.stringMatching(
      /its folder cannot be made\n.*\n {2}fix: set XDG_CACHE_HOME to a folder that may be written/,
    ),
  });
});

test("the archive comes through the proxy of HTTPS_PROXY, except from the hosts of NO_PROXY", async (context) => {
  const [key, certificate] = ["key.pem", "certificate.pem"].map((name) => join(cache, "..", name)) as [string, string];
  const subject = ["-subj", "/CN=mirror.test", "-addext", "subjectAltName=DNS:mirror.test", "-days", "2"];
  const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...subject];
  const { status } = spawnSync("openssl", [...made, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  if (status !== 0) context.skip("there is no openssl to make a certificate with");
  const pem = { key: readFileSync(key), cert: readFileSync(certificate) };
  const secure = createSecureServer(pem, (request, response) => serveFile(request, response, archive));
  secure.listen(0, "127.0.0.1");
  await once(secure, "listening");
  const connected: string[] = [];
  const proxy = createProxy().on("connect", (request, socket) => {
    connected.push(request.url ?? "");
    const target = connect((secure.address() as AddressInfo).port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    for (const end of [target, socket]) end.on("error", () => {});
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  cleanups.push(
    () => secure.close(),
    () => secure.closeAllConnections(),
    () => proxy.close(),
  );
  const table = tableFor("https://mirror.test/libtorch.zip", archive);
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const env = { HTTPS_PROXY: address, https_proxy: address, NODE_EXTRA_CA_CERTS: certificate };

  const direct = await start(table, { ...env, NO_PROXY: "mirror.test", no_proxy: "mirror.test" }).done;
  expect(direct).toMatchObject({ code: "download/network", text: expect.stringContaining("mirror.test") });
  const wrong = await start(table, { ...env, HTTPS_PROXY: "http://", https_proxy: "http://" }).done;
  expect(wrong).toMatchObject({ code: "download/proxy", text: expect.stringContaining("write http://HOST:PORT") });
  expect(connected).toEqual([]);
  expect(await start(table, { ...env, NO_PROXY: "", no_proxy: "" }).done).toMatchObject({ how: "downloaded" });
  expectWhole();
  expect(connected).toEqual(["mirror.test:443"]);
});
