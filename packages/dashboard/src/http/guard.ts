import { randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { tokenHeader } from "../api-types.ts";

/** The token that a request needs to write, in hexadecimal. */
export function newToken(): string {
  return randomBytes(16).toString("hex");
}

export function isLoopback(host: string): boolean {
  return ["localhost", "127.0.0.1", "::1", "[::1]"].includes(host);
}

/**
 * Why a request is refused, if it is: a page of another site must neither read the runs nor write, whether it got its name
 * pointed at this machine or sends requests from where it is.
 * @param isLocal whether the server listens on this machine only
 */
export function refusalOf({ headers }: IncomingMessage, isLocal: boolean): string | undefined {
  const { host = "", origin } = headers;
  if (isLocal && !isLoopback(host.replace(/:\d+$/, ""))) return "unknown host";
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) return "unknown origin";
  const site = headers["sec-fetch-site"];
  const isNavigation = headers["sec-fetch-mode"] === "navigate";
  if (site !== undefined && site !== "same-origin" && site !== "none" && !isNavigation)
    return "a request of another site";
  return undefined;
}

/** Whether a request carries the token for writing. */
export function hasToken({ headers }: IncomingMessage, token: string): boolean {
  const given = Buffer.from(String(headers[tokenHeader] ?? ""));
  const expected = Buffer.from(token);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
