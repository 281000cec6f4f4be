import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";
import { gzipSync } from "node:zlib";

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
};

/** Nothing inline, nothing from elsewhere: a name in a run cannot become a script. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const securityHeaders = {
  "Content-Security-Policy": policy,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
} as const;

/** Below this, compression costs more than it saves. */
const minGzipBytes = 1400;

/** Sends text or bytes, compressed where it pays, or `304` when the browser has them. */
export function sendBody(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  {
    type,
    status = 200,
    immutable = false,
  }: { readonly type: string; readonly status?: number; readonly immutable?: boolean },
): void {
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`;
  const headers = {
    ...securityHeaders,
    "Cache-Control": immutable ? "public, max-age=31536000, immutable" : "no-cache",
    "Content-Type": type,
    ETag: etag,
    Vary: "Accept-Encoding",
  };
  if (status === 200 && request.headers["if-none-match"] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const isSmall = body.length < minGzipBytes || !/\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const sent = isSmall ? body : gzipSync(body, { level: 4 });
  response.writeHead(status, {
    ...headers,
    "Content-Length": sent.length,
    ...(!isSmall && { "Content-Encoding": "gzip" }),
  });
  response.end(request.method === "HEAD" ? undefined : sent);
}

export function sendJson(request: IncomingMessage, response: ServerResponse, body: unknown, status = 200): void {
  sendBody(request, response, Buffer.from(JSON.stringify(body)), { type: "application/json; charset=utf-8", status });
}

/** Sends a file; the browser asks again whether it changed. @param download the name under which it is saved */
export function sendFile(request: IncomingMessage, response: ServerResponse, path: string, download?: string): void {
  const { size, mtimeMs } = statSync(path);
  const headers = {
    ...securityHeaders,
    "Cache-Control": "no-cache",
    "Content-Type": contentTypeOf(path),
    // An image that is opened by itself must not run scripts.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    ETag: `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`,
    ...(download !== undefined && {
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(download)}`,
    }),
  };
  if (request.headers["if-none-match"] === headers.ETag) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, "Content-Length": size });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  createReadStream(path)
    .on("error", () => response.destroy())
    .pipe(response);
}

export function contentTypeOf(path: string): string {
  return contentTypes[extname(path).toLowerCase()] ?? "application/octet-stream";
}
