import { createReadStream, statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { CtError, retryAfterMs } from "@classifier-training/base";
import pRetry from "p-retry";

export interface RetryTuning {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Gives up after this long without an answer. */
  readonly totalMs: number;
  /** For one attempt. */
  readonly timeoutMs: number;
}

export const defaultRetry: RetryTuning = {
  minDelayMs: 2000,
  maxDelayMs: 60_000,
  totalMs: 7 * 24 * 3600 * 1000,
  timeoutMs: 180_000,
};

/** An answer that a retry would not change. */
export class RefusedError extends CtError {
  readonly status: number;

  constructor(status: number, what: string, where: string) {
    super({ code: "tracking/refused", what, where });
    this.status = status;
  }
}

/** A failure that a retry may overcome. */
class TransientError extends Error {
  /** What the server asks for by `Retry-After`. */
  readonly waitMs: number | undefined;

  constructor(reason: string, waitMs?: number) {
    super(reason);
    this.waitMs = waitMs;
  }
}

interface Attempt {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: string;
}

export interface HttpClientOptions {
  readonly retry: RetryTuning;
  /** Sent with each request to the service itself, never to the storage addresses it hands out. */
  readonly headers: Readonly<Record<string, string>>;
  /** What must not appear in any message. */
  readonly secrets: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Called when an attempt failed and will be repeated. */
  readonly onRetry?: (reason: string) => void;
}

export interface SendOptions {
  readonly method?: string;
  /**
   * Asked before a repetition, for requests that must not be done twice: the answer of the first attempt, if the
   * service turns out to have done it and only the answer was lost.
   */
  readonly recover?: () => Promise<string | undefined>;
}

/** Requests that are repeated, with growing pauses, until they are answered. */
export class HttpClient {
  readonly #options: HttpClientOptions;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /**
   * Sends JSON and returns the answer's body.
   * @throws RefusedError for an answer that will not change; CtError `tracking/unreachable` after the total time.
   */
  async sendJson(url: string, body: unknown, { method = "POST", recover }: SendOptions = {}): Promise<string> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.#repeat(url, () => this.#fetchJson(url, method, text), recover);
  }

  async get(url: string): Promise<string> {
    return this.#repeat(url, () => this.#fetchJson(url, "GET", undefined));
  }

  /** Uploads a file to a storage address. */
  async putFile(url: string, path: string, headers: Readonly<Record<string, string>>): Promise<void> {
    await this.#repeat(url, () => putOnce(url, path, headers, this.#options.retry.timeoutMs, this.#options.signal));
  }

  /** A text without the secrets. */
  redact(text: string): string {
    let result = text;
    for (const secret of this.#options.secrets) if (secret !== "") result = result.replaceAll(secret, "***");
    return result;
  }

  async #fetchJson(url: string, method: string, body: string | undefined): Promise<Attempt> {
    const { headers, retry, signal } = this.#options;
    const timeout = AbortSignal.timeout(retry.timeoutMs);
    const response = await fetch(url, {
      method,
      headers: { ...headers, ...(body !== undefined && { "Content-Type": "application/json" }) },
      ...(body !== undefined && { body }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    return { status: response.status, retryAfter: response.headers.get("retry-after"), body: await response.text() };
  }

  async #repeat(url: string, attempt: () => Promise<Attempt>, recover?: SendOptions["recover"]): Promise<string> {
    const { retry, signal, onRetry } = this.#options;
    const where = this.redact(url.replace(/\?.*$/, ""));
    const start = performance.now();
    const once = async (count: number) => {
      const recovered = count > 1 ? await recover?.() : undefined;
      if (recovered !== undefined) return recovered;
      const { status, retryAfter, body } = await attempt().catch((error: unknown) => {
        throw new TransientError(this.redact(reasonOf(error)));
      });
      if (status >= 200 && status < 300) return body;
      if (isTransient(status)) throw new TransientError(`HTTP ${status}`, retryAfterMs(retryAfter));
      throw new RefusedError(status, `HTTP ${status}: ${this.redact(body).slice(0, 300)}`, where);
    };
    try {
      return await pRetry(once, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: retry.minDelayMs,
        maxTimeout: retry.maxDelayMs,
        maxRetryTime: retry.totalMs,
        randomize: true,
        ...(signal && { signal }),
        shouldRetry: ({ error }) => error instanceof TransientError,
        // The wait that a server asks for stands in place of the backoff.
        shouldConsumeRetry: ({ error }) => !(error instanceof TransientError && error.waitMs !== undefined),
        onFailedAttempt: async ({ error }) => {
          signal?.throwIfAborted();
          if (!(error instanceof TransientError)) return;
          onRetry?.(error.message);
          if (error.waitMs === undefined) return;
          // A server that asks for no wait at all would be asked without end.
          const waitMs = Math.max(error.waitMs, retry.minDelayMs);
          if (performance.now() - start + waitMs > retry.totalMs) throw error;
          await sleep(waitMs, undefined, { signal });
        },
      });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      throw new CtError({ code: "tracking/unreachable", what: `no answer in time; last: ${error.message}`, where });
    }
  }
}

function isTransient(status: number): boolean {
  return status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}

/** One PUT of a file with its length given, as storage services want it (fetch would send a stream in chunks). */
function putOnce(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Attempt> {
  const { size } = statSync(path);
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const options = {
      method: "PUT",
      headers: { ...headers, "Content-Length": size },
      timeout: timeoutMs,
      ...(signal && { signal }),
    };
    const request = send(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const retryAfter = response.headers["retry-after"] ?? null;
        resolve({ status: response.statusCode ?? 0, retryAfter, body: Buffer.concat(parts).toString("utf8") });
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
    const file = createReadStream(path, { end: Math.max(0, size - 1) });
    file.on("error", (error) => request.destroy(error));
    file.pipe(request);
  });
}
