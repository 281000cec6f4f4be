import { WeightsError } from "./errors.ts";

/** An answer after redirects, with what the redirecting servers said about the file. */
export interface Answer {
  readonly response: Response;
  /** SHA-256 that the Hugging Face hub states for large files (`X-Linked-Etag`). */
  readonly statedSha256: string | undefined;
}

const redirects = new Set([301, 302, 303, 307, 308]);
const maximumRedirects = 10;

/**
 * GETs a URL, following redirects by hand: the hub states a file's hash on the redirect only, and an `Authorization`
 * header must not travel to another host.
 * @throws WeightsError `weights/http` for a redirect loop or one that leaves http(s); fetch's own errors pass through.
 */
export async function get(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  let statedSha256: string | undefined;
  let current = new URL(url);
  const sent = new Headers(headers);
  for (let hops = 0; hops <= maximumRedirects; hops++) {
    const response = await fetch(current, { headers: sent, redirect: "manual", signal });
    const etag = response.headers.get("x-linked-etag")?.replaceAll('"', "");
    if (etag !== undefined && /^[0-9a-f]{64}$/.test(etag)) statedSha256 = etag;
    const location = response.headers.get("location");
    if (!redirects.has(response.status) || location === null) return { response, statedSha256 };
    await response.body?.cancel();
    const next = new URL(location, current);
    if (next.protocol !== "https:" && next.protocol !== "http:") {
      throw new WeightsError({ code: "weights/http", what: `${url} redirects to ${next.href}, which is not http` });
    }
    if (next.origin !== current.origin) sent.delete("authorization");
    current = next;
  }
  throw new WeightsError({ code: "weights/http", what: `${url} redirects more than ${maximumRedirects} times` });
}

/** Statuses that a repeated request may overcome. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** What went wrong below HTTP, in the words of the system call: fetch itself says only "fetch failed". */
export function networkReason(error: unknown): { readonly text: string; readonly hopeless: boolean } {
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  if (cause instanceof AggregateError && cause.errors.length > 0) cause = cause.errors[0];
  const { code, message } = cause as { code?: string; message?: string };
  const text = message !== undefined && message !== "" ? message : String(code ?? cause);
  const hopelessCodes = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN"];
  return { text, hopeless: code !== undefined && (hopelessCodes.includes(code) || code.startsWith("ERR_TLS")) };
}
