import { rename, rm } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { getLogger, plural } from "@classifier-training/base";
import pRetry from "p-retry";
import { type Attempt, receive, TransientError } from "./attempt.ts";
import { DownloadError } from "./errors.ts";
import { sha256OfFile } from "./hash.ts";
import { withFileLock } from "./lock.ts";
import type { DownloadOptions } from "./options.ts";
import { firstBytes, pageProblem } from "./page.ts";
import { fileError, removeNote, sizeOf, wrongSize } from "./part-file.ts";

const log = getLogger("torch.download");
const running = new Map<string, Promise<void>>();

/**
 * Downloads a URL to a file, whole and checked or not at all. What arrives goes to `<destination>.part`, which a later
 * attempt (of this process or another) continues with a range request; when all is there and the hash agrees it is
 * renamed. Two callers of the same destination share one download.
 * @throws DownloadError `download/network` (no answer), `http` (refused), `hash` and `size` (wrong content), `page`,
 * `space` and `write` (disk), `proxy`.
 */
export function download(url: string, destination: string, options: DownloadOptions = {}): Promise<void> {
  const already = running.get(destination);
  if (already !== undefined) return already;
  const work = withFileLock(destination, () => downloadLocked(url, destination, options), options.signal)
    .catch((error: unknown) => {
      throw fileError(error, destination);
    })
    .finally(() => {
      running.delete(destination);
    });
  running.set(destination, work);
  return work;
}

async function downloadLocked(url: string, destination: string, options: DownloadOptions): Promise<void> {
  if ((await sizeOf(destination)) !== undefined) return; // another process was faster
  const { backoffMs = 1000, signal } = options;
  const name = basename(destination);
  const part = `${destination}.part`;
  let wrongContents = 0;
  for (;;) {
    const attempt = await receiveOrRetry(url, part, options);
    if (attempt.kind === "cut") {
      log.debug(`${name}: ${attempt.reason}; resuming`);
      await sleep(backoffMs, undefined, { signal });
      continue;
    }
    const problem = await contentProblem(url, part, options, attempt.statedSha256);
    if (problem === undefined) break;
    await rm(part, { force: true });
    if (problem.code === "download/page" || ++wrongContents === 2) throw problem;
    log.warning(
      `${name} arrived with a wrong ${problem.code === "download/hash" ? "hash" : "size"}; downloading it again`,
    );
  }
  await rename(part, destination);
  await removeNote(part);
}

/** What is wrong with a file that is all there. */
async function contentProblem(
  url: string,
  part: string,
  options: DownloadOptions,
  statedSha256: string | undefined,
): Promise<DownloadError | undefined> {
  const bytes = await sizeOf(part);
  if (options.bytes !== undefined && bytes !== options.bytes) return wrongSize(url, bytes ?? 0, options.bytes);
  const expected = options.sha256 ?? statedSha256;
  if (expected !== undefined) {
    const actual = await sha256OfFile(part);
    return actual.startsWith(expected) ? undefined : hashError(url, expected, actual);
  }
  const page = pageProblem(await firstBytes(part));
  if (page === undefined) return undefined;
  return new DownloadError({
    code: "download/page",
    what: `the server answers with ${page} instead of the file`,
    where: url,
    fix: "open the address in a browser: it may ask to log in or to confirm, or be a page about the file",
  });
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
    throw new DownloadError({ code: "download/network", what: `${error.message}${times}`, where: url, cause: error });
  }
}

function hashError(url: string, expected: string, actual: string): DownloadError {
  return new DownloadError({
    code: "download/hash",
    what: `the file that the server sends has SHA-256 ${actual.slice(0, Math.max(8, expected.length))}, expected ${expected}`,
    where: url,
    fix: "a proxy or mirror may alter the file: download it by other means and give its path",
  });
}
