import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that a test server saw. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A real HTTP server on a free port of this machine, for the tests of the downloader. */
export async function startServer(handler: Handler): Promise<{ url: string; seen: Seen[]; close(): Promise<void> }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
    handler(request, response, seen.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Serves bytes as a static file server does: ranges, `If-Range`, ETag; optionally breaks off after some bytes. */
export function serveFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: Uint8Array,
  { etag = '"v1"', breakAfter }: { etag?: string; breakAfter?: number | undefined } = {},
): void {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const ifRange = request.headers["if-range"];
  const ranged = range !== null && (ifRange === undefined || ifRange === etag);
  const start = ranged ? Number(range[1]) : 0;
  if (ranged && start >= content.length) {
    response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
    return;
  }
  const body = content.subarray(start);
  response.writeHead(ranged ? 206 : 200, {
    etag,
    "content-length": body.length,
    "accept-ranges": "bytes",
    ...(ranged ? { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
  });
  if (breakAfter === undefined) {
    response.end(body);
  } else {
    response.write(body.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 20));
  }
}
