import type { Dispatcher, RequestInit, Response } from "undici";
import { DownloadError } from "./errors.ts";

/** An answer after redirects, with what the redirecting servers said about the file. */
export interface Answer {
  readonly response: Response;
  /** SHA-256 that the Hugging Face hub states for large files (`X-Linked-Etag`). */
  readonly statedSha256: string | undefined;
}

const redirects = new Set([301, 302, 303, 307, 308]);
const maximumRedirects = 10;

/**
 * `fetch` through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (or their lowercase names) ask for.
 * @throws DownloadError `download/proxy` for a proxy that is not an address
 */
export async function fetchThroughProxy(url: string | URL, init: RequestInit): Promise<Response> {
  // Loaded with the first download: most starts need none.
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  proxy ??= proxyAgent(EnvHttpProxyAgent);
  return fetch(url, { ...init, dispatcher: proxy });
}

let proxy: Dispatcher | undefined;

function proxyAgent(Agent: new () => Dispatcher): Dispatcher {
  try {
    return new Agent();
  } catch (cause) {
    const named = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"].filter((name) => process.env[name]);
    throw new DownloadError({
      code: "download/proxy",
      what: `the proxy is not an address: ${named.map((name) => `${name}=${process.env[name]}`).join(", ")}`,
      fix: "write http://HOST:PORT, or unset the variable",
      cause,
    });
  }
}

/**
 * GETs a URL, following redirects by hand: the hub states a file's hash on the redirect only, and an `Authorization`
 * header must not travel to another host.
 * @throws DownloadError `download/http` for a redirect loop or one that leaves http(s); fetch's own errors pass through.
 */
export async function get(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  let statedSha256: string | undefined;
  let current = new URL(url);
  const sent = { ...headers };
  for (let hops = 0; hops <= maximumRedirects; hops++) {
    const response = await fetchThroughProxy(current, { headers: sent, redirect: "manual", signal });
    const etag = response.headers.get("x-linked-etag")?.replaceAll('"', "");
    if (etag !== undefined && /^[0-9a-f]{64}$/.test(etag)) statedSha256 = etag;
    const location = response.headers.get("location");
    if (!redirects.has(response.status) || location === null) return { response, statedSha256 };
    await response.body?.cancel();
    const next = URL.canParse(location, current.href) ? new URL(location, current) : undefined;
    if (next?.protocol !== "https:" && next?.protocol !== "http:") {
      throw new DownloadError({
        code: "download/http",
        what: `redirected to ${location}, which is not http`,
        where: url,
      });
    }
    if (next.origin !== current.origin) delete sent["authorization"];
    current = next;
  }
  throw new DownloadError({
    code: "download/http",
    what: `redirected more than ${maximumRedirects} times`,
    where: url,
    fix: "a proxy or mirror may send requests in a circle: check its address",
  });
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
  // Ports that fetch refuses by its standard.
  if (text === "bad port") return { text, hopeless: true };
  return { text, hopeless: code !== undefined && (hopelessCodes.includes(code) || code.startsWith("ERR_TLS")) };
}
