import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { CtError, retryAfterMs } from "@classifier-training/base";
import type { Response } from "undici";
import { DownloadError } from "./errors.ts";
import { get, isTransientStatus, networkReason } from "./http.ts";
import type { DownloadOptions } from "./options.ts";
import { fileError, openPart, readValidator, requireSpace, sizeOf, writeBody, wrongSize } from "./part-file.ts";

/** How a request ended that brought something: the file is all there, or the connection ended before. */
export type Attempt =
  | { readonly kind: "done"; readonly statedSha256: string | undefined }
  | { readonly kind: "cut"; readonly reason: string };

/** A request that brought no byte, and that may succeed when repeated. */
export class TransientError extends Error {
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

/** The longest wait of Retry-After that is kept. */
const longestWaitMs = 120_000;

/** One request: appends to the partial file what the server sends. @throws TransientError, DownloadError */
export async function receive(url: string, part: string, options: DownloadOptions): Promise<Attempt> {
  const { signal, stallMs = 30_000 } = options;
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), stallMs);
  const signals = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
  let progressed = false;
  try {
    return await request(url, part, options, signals, () => {
      progressed = true;
      timer.refresh();
    });
  } catch (cause) {
    signal?.throwIfAborted();
    const error = fileError(cause, part);
    if (CtError.is(error)) throw error;
    const failure = transient(error, stalled.signal.aborted ? stallMs : undefined);
    if (progressed) return { kind: "cut", reason: failure.message };
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

async function request(
  url: string,
  part: string,
  options: DownloadOptions,
  signal: AbortSignal,
  onChunk: () => void,
): Promise<Attempt> {
  const have = (await sizeOf(part)) ?? 0;
  const validator = have > 0 ? await readValidator(part) : undefined;
  const canResume = have > 0 && (validator !== undefined || options.sha256 !== undefined);
  const headers: Record<string, string> = { "accept-encoding": "identity", ...options.headers };
  if (canResume) headers["range"] = `bytes=${have}-`;
  if (canResume && validator !== undefined) headers["if-range"] = validator;
  const { response, statedSha256 } = await get(url, headers, signal);
  const start = firstByte(response);
  const refused = await refusal(url, part, response, { have, start, canResume, ...options });
  if (refused === "complete") return { kind: "done", statedSha256 };
  if (refused !== undefined) throw refused;
  const total = totalSize(response, start);
  try {
    if (options.bytes !== undefined && total !== undefined && total !== options.bytes)
      throw wrongSize(url, total, options.bytes);
    await requireSpace(dirname(part), (total ?? start) * (options.spaceFactor ?? 1) - start);
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
  const file = await openPart(part, start, response);
  const received = await writeBody(response, { file, part, start, total }, options, onChunk);
  if (total === undefined || received >= total) return { kind: "done", statedSha256 };
  throw new TransientError(`the connection ended at byte ${received} of ${total}`);
}

/** Why an answer brings nothing that can be appended; "complete" where the partial file is the whole one. */
async function refusal(
  url: string,
  part: string,
  response: Response,
  { have, start, canResume, accountFix }: DownloadOptions & { have: number; start: number; canResume: boolean },
): Promise<Error | "complete" | undefined> {
  const { status, statusText } = response;
  if (response.ok && (status !== 206 || start === have)) return undefined;
  await response.body?.cancel();
  if (status === 206 || (status === 416 && canResume)) {
    const total = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
    if (status === 416 && total === have) return "complete";
    await rm(part, { force: true });
    return new TransientError(
      status === 206
        ? "the server sends another range than the one requested"
        : "the partial file did not fit the one on the server",
    );
  }
  const what = `the server answers ${status} ${statusText}`.trimEnd();
  if (isTransientStatus(status)) {
    const waitMs = retryAfterMs(response.headers.get("retry-after"));
    return new TransientError(what, { waitMs: waitMs === undefined ? undefined : Math.min(waitMs, longestWaitMs) });
  }
  const fix = status === 401 || status === 403 ? accountFix : undefined;
  return new DownloadError({ code: "download/http", what, where: url, fix });
}

function transient(error: unknown, stalledMs: number | undefined): TransientError {
  if (error instanceof TransientError) return error;
  if (stalledMs !== undefined) return new TransientError(`no data for ${stalledMs / 1000} s`);
  const { text, hopeless } = networkReason(error);
  return new TransientError(`no connection: ${text}`, { hopeless });
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
