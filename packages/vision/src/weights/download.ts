import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { getLogger, plural, retryAfterMs } from "@classifier-training/base";
import pRetry from "p-retry";
import { WeightsError } from "./errors.ts";
import { sha256OfFile } from "./hash.ts";
import { type Answer, get, isTransientStatus, networkReason } from "./http.ts";
import { withFileLock } from "./lock.ts";
import type { ProgressListener } from "./progress.ts";
import { firstBytes, pageProblem } from "./state-dict.ts";

export interface DownloadOptions {
  /** The file's SHA-256, or its first digits. Without it, the one that the server states is checked, if it states one. */
  readonly sha256?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly onProgress?: ProgressListener | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Attempts in a row that bring no byte before giving up; default 5. */
  readonly attempts?: number | undefined;
  /** First wait between attempts, doubled each time up to 30 s; default 1000 ms. `Retry-After` goes before it. */
  readonly backoffMs?: number | undefined;
  /** A connection that is silent for so long is dropped and resumed; default 30 s. */
  readonly stallMs?: number | undefined;
}

/** What a server said of the file that a partial download holds the start of. */
interface Partial {
  readonly validator: string | undefined;
}

/** How a request ended that brought something: the file is all there, or the connection ended before. */
type Attempt =
  | { readonly kind: "done"; readonly statedSha256: string | undefined }
  | { readonly kind: "cut"; readonly reason: string };

/** A request that brought no byte, and that may succeed when repeated. */
class TransientError extends Error {
  /** Whether the network or the host is missing, which seldom passes within seconds. */
  readonly hopeless: boolean;
  /** What the server asks for by `Retry-After`. */
  readonly waitMs: number | undefined;

  constructor(reason: string, { hopeless = false, waitMs }: { hopeless?: boolean; waitMs?: number | undefined } = {}) {
    super(reason);
    this.hopeless = hopeless;
    this.waitMs = waitMs;
  }
}

const log = getLogger("vision.weights");
/** The longest wait of Retry-After that is kept. */
const longestWaitMs = 120_000;
const running = new Map<string, Promise<void>>();

/**
 * Downloads a URL to a file, whole and checked or not at all. What arrives goes to `<destination>.part`, which a later
 * attempt (of this process or another) continues with a range request; when all is there and the hash agrees it is
 * renamed. Two callers of the same destination share one download.
 * @throws WeightsError `weights/network` (no answer), `weights/http` (refused), `weights/hash` (wrong content).
 */
export function download(url: string, destination: string, options: DownloadOptions = {}): Promise<void> {
  const already = running.get(destination);
  if (already !== undefined) return already;
  const work = withFileLock(destination, () => downloadLocked(url, destination, options), options.signal).finally(
    () => {
      running.delete(destination);
    },
  );
  running.set(destination, work);
  return work;
}

async function downloadLocked(url: string, destination: string, options: DownloadOptions): Promise<void> {
  if ((await sizeOf(destination)) !== undefined) return; // another process was faster
  const { backoffMs = 1000, signal } = options;
  const name = basename(destination);
  const part = `${destination}.part`;
  let wrongHashes = 0;
  for (;;) {
    const attempt = await receiveOrRetry(url, part, options);
    if (attempt.kind === "cut") {
      log.debug(`${name}: ${attempt.reason}; resuming`);
      await sleep(backoffMs, undefined, { signal });
      continue;
    }
    const expected = options.sha256 ?? attempt.statedSha256;
    const actual = expected === undefined ? undefined : await sha256OfFile(part);
    const page = expected === undefined ? pageProblem(await firstBytes(part)) : undefined;
    if (page !== undefined) {
      await rm(part, { force: true });
      throw new WeightsError({
        code: "weights/page",
        what: `the server answers with ${page} instead of the file`,
        where: url,
        fix: "open the address in a browser: it may ask to log in or to confirm, or be a page about the file",
      });
    }
    if (expected === undefined || actual?.startsWith(expected) === true) break;
    await rm(part, { force: true });
    if (++wrongHashes === 2) throw hashError(url, expected, actual ?? "");
    log.warning(`${name} arrived with a wrong hash; downloading it again`);
  }
  await rename(part, destination);
  await rm(`${part}.json`, { force: true });
}

async function receiveOrRetry(url: string, part: string, options: DownloadOptions): Promise<Attempt> {
  const { attempts = 5, backoffMs = 1000, signal } = options;
  let failed = 0;
  try {
    return await pRetry(() => receive(url, part, options), {
      retries: attempts - 1,
      minTimeout: backoffMs,
      maxTimeout: 30_000,
      randomize: true,
      ...(signal && { signal }),
      onFailedAttempt({ error, attemptNumber }) {
        failed = attemptNumber;
        log.debug(`${basename(part, ".part")}: ${error.message}`);
      },
      // The wait that a server asks for stands in place of the backoff.
      shouldConsumeRetry: ({ error }) => !(error instanceof TransientError && error.waitMs !== undefined),
      async shouldRetry({ error, attemptNumber }) {
        if (!(error instanceof TransientError)) return false;
        if (attemptNumber >= (error.hopeless ? Math.min(2, attempts) : attempts)) return false;
        if (error.waitMs !== undefined) {
          await sleep(Math.max(error.waitMs, Math.min(backoffMs, 1000)), undefined, { signal });
        }
        return true;
      },
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof TransientError)) throw error;
    const times = failed === 1 ? "" : ` (${plural(failed, "attempt")})`;
    throw new WeightsError({ code: "weights/network", what: `${error.message}${times}`, where: url, cause: error });
  }
}

/** One request: appends to the partial file what the server sends. @throws TransientError */
async function receive(url: string, part: string, options: DownloadOptions): Promise<Attempt> {
  const { signal, stallMs = 30_000 } = options;
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), stallMs);
  const signals = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
  let progressed = false;
  try {
    const have = (await sizeOf(part)) ?? 0;
    const validator = have > 0 ? await readValidator(part) : undefined;
    const canResume = have > 0 && (validator !== undefined || options.sha256 !== undefined);
    const headers: Record<string, string> = { "accept-encoding": "identity", ...options.headers };
    if (canResume) headers["range"] = `bytes=${have}-`;
    if (canResume && validator !== undefined) headers["if-range"] = validator;
    const answer = await get(url, headers, signals);
    const { response, statedSha256 } = answer;
    const start = firstByte(response);
    if (response.status === 206 && start !== have) {
      await response.body?.cancel();
      await rm(part, { force: true });
      throw new TransientError("the server sends another range than the one requested");
    }
    if (response.status === 416 && canResume) {
      await response.body?.cancel();
      const total = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
      if (total === have) return { kind: "done", statedSha256 };
      await rm(part, { force: true });
      throw new TransientError("the partial file did not fit the one on the server");
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw refusal(url, response);
    }
    const total = totalSize(response, start);
    const file = await openPart(part, start, response);
    const received = await writeBody(answer, file, start, total, options, part, () => {
      progressed = true;
      timer.refresh();
    });
    if (total === undefined || received >= total) return { kind: "done", statedSha256 };
    throw new TransientError(`the connection ended at byte ${received} of ${total}`);
  } catch (error) {
    signal?.throwIfAborted();
    if (WeightsError.is(error) || isFileError(error)) throw error;
    const failure = transient(error, stalled.signal.aborted ? stallMs : undefined);
    if (progressed) return { kind: "cut", reason: failure.message };
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

function transient(error: unknown, stalledMs: number | undefined): TransientError {
  if (error instanceof TransientError) return error;
  if (stalledMs !== undefined) return new TransientError(`no data for ${stalledMs / 1000} s`);
  const { text, hopeless } = networkReason(error);
  return new TransientError(`no connection: ${text}`, { hopeless });
}

function refusal(url: string, response: Response): Error {
  const what = `the server answers ${response.status} ${response.statusText}`.trimEnd();
  const waitMs = retryAfterMs(response.headers.get("retry-after"));
  if (isTransientStatus(response.status)) {
    return new TransientError(what, { waitMs: waitMs === undefined ? undefined : Math.min(waitMs, longestWaitMs) });
  }
  const needsAccount = response.status === 401 || response.status === 403;
  const fix = needsAccount ? "set HF_TOKEN if the repository needs an account" : undefined;
  return new WeightsError({ code: "weights/http", what, where: url, fix });
}

/** Where in the file the body of an answer starts: a server may ignore the range, and then sends it all. */
function firstByte(response: Response): number {
  if (response.status !== 206) return 0;
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1]);
}

function totalSize(response: Response, start: number): number | undefined {
  const length = response.headers.get("content-length");
  return length === null ? undefined : start + Number(length);
}

async function openPart(part: string, start: number, response: Response): Promise<FileHandle> {
  if (start > 0) return open(part, "a");
  const etag = response.headers.get("etag");
  const strong = etag?.startsWith("W/") === true ? null : etag;
  const partial: Partial = { validator: strong ?? response.headers.get("last-modified") ?? undefined };
  const file = await open(part, "w");
  await writeFile(`${part}.json`, JSON.stringify(partial));
  return file;
}

async function writeBody(
  { response }: Answer,
  file: FileHandle,
  start: number,
  total: number | undefined,
  { onProgress }: DownloadOptions,
  part: string,
  onChunk: () => void,
): Promise<number> {
  const began = performance.now();
  const name = basename(part, ".part");
  let received = start;
  const report = (done: boolean) => {
    const seconds = Math.max(1e-3, (performance.now() - began) / 1000);
    const bytesPerSecond = (received - start) / seconds;
    onProgress?.({ file: name, receivedBytes: received, totalBytes: total, bytesPerSecond, done });
  };
  try {
    for await (const chunk of response.body ?? []) {
      const bytes = chunk as Uint8Array;
      await file.writeFile(bytes);
      received += bytes.byteLength;
      onChunk();
      report(false);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (total === undefined || received >= total) report(true);
  return received;
}

async function readValidator(part: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(`${part}.json`, "utf8")) as Partial).validator;
  } catch {
    return undefined; // without its note a partial file is worth nothing unless a hash is known
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

function isFileError(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EACCES" || code === "EROFS" || (syscall === "open" && code !== undefined);
}

function hashError(url: string, expected: string, actual: string): WeightsError {
  return new WeightsError({
    code: "weights/hash",
    what: `the file that the server sends has SHA-256 ${actual.slice(0, Math.max(8, expected.length))}, expected ${expected}`,
    where: url,
    fix: "a proxy or mirror may alter the file: download it by other means and give its path",
  });
}
