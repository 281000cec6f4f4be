import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CtError } from "@classifier-training/base";
import type { Run } from "@classifier-training/runs";
import { RunStore } from "./run-store.ts";
import { RunTail } from "./run-tail.ts";

export interface DashboardOptions {
  /** The folder whose runs are shown, e.g. `outputs`. */
  readonly root: string;
  /** 0 takes a free one. */
  readonly port?: number;
  /** The address to listen on; only this machine by default. */
  readonly host?: string;
  /** How often growing runs are looked at. */
  readonly pollMs?: number;
}

export interface Dashboard {
  readonly url: string;
  close(): Promise<void>;
}

/** The files of the page: all there is to be served besides the runs. */
const pages: Readonly<Record<string, string>> = {
  "/": fileURLToPath(new URL("../web/index.html", import.meta.url)),
  "/app.js": fileURLToPath(new URL("../web/app.js", import.meta.url)),
  "/charts.js": fileURLToPath(new URL("../web/charts.js", import.meta.url)),
  "/style.css": fileURLToPath(new URL("../web/style.css", import.meta.url)),
  "/chart.umd.js": join(fileURLToPath(import.meta.resolve("chart.js")), "..", "chart.umd.min.js"),
};

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

const securityHeaders = {
  "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache",
};

/**
 * Serves the page over the run directories of a folder.
 * @throws CtError `dashboard/listen` when the port cannot be had.
 */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { root, port = 6007, host = "127.0.0.1", pollMs = 1000 } = options;
  const store = new RunStore(root);
  const server = createServer((request, response) => {
    try {
      const result = answer(store, request, isLoopback(host));
      if (result.kind === "json") sendJson(response, result.body, result.status);
      else if (result.kind === "file") sendFile(response, result.path);
      else sendLive(result.runs, request, response, pollMs);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else sendJson(response, { error: error instanceof Error ? error.message : String(error) }, 500);
    }
  });
  await listen(server, port, host);
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface LiveRun {
  readonly tail: RunTail;
  /** Sent along where one stream has several runs: a browser has few connections to a server. */
  readonly key?: string;
}

type Answer =
  | { readonly kind: "json"; readonly body: unknown; readonly status?: number }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "live"; readonly runs: readonly LiveRun[] };

function answer(store: RunStore, request: IncomingMessage, isLocal: boolean): Answer {
  // A page of another site that got its name pointed here must not read the runs.
  if (isLocal && !isLoopback(hostName(request))) return refusal(403, "unknown host");
  if (request.method !== "GET" && request.method !== "HEAD") return refusal(405, "only GET");
  const url = request.url ?? "/";
  if (!URL.canParse(url, "http://localhost")) return refusal(400, "not an address");
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const page = pages[pathname];
  if (page !== undefined) return { kind: "file", path: page };
  if (pathname === "/api/live") return { kind: "live", runs: liveRuns(store, searchParams.getAll("run")) };
  if (pathname === "/api/runs") return { kind: "json", body: store.list() };
  const [, key, rest = ""] = /^\/api\/runs\/([^/]+)(?:\/(.*))?$/.exec(pathname) ?? [];
  const run = key === undefined ? undefined : store.find(decoded(key));
  if (run === undefined) return refusal(404, "not found");
  if (rest === "") return { kind: "json", body: store.detail(run) };
  if (rest === "metrics" || rest === "live") {
    const tail = tailOf(store, run);
    if (tail === undefined) return refusal(404, "not found");
    return rest === "metrics" ? { kind: "json", body: tail.poll() } : { kind: "live", runs: [{ tail }] };
  }
  const image = rest.startsWith("files/") ? store.imagePath(run, decoded(rest.slice("files/".length))) : undefined;
  return image === undefined ? refusal(404, "not found") : { kind: "file", path: image };
}

function tailOf(store: RunStore, run: Run): RunTail | undefined {
  const path = store.metricsPath(run);
  return path === undefined ? undefined : new RunTail(run, path);
}

function liveRuns(store: RunStore, keys: readonly string[]): LiveRun[] {
  return keys.flatMap((key) => {
    const run = store.find(key);
    const tail = run === undefined ? undefined : tailOf(store, run);
    return tail === undefined ? [] : [{ key, tail }];
  });
}

function refusal(status: number, error: string): Answer {
  return { kind: "json", body: { error }, status };
}

/** Sends curves, and then what is added to them, as server-sent events, until the page goes away. */
function sendLive(tails: readonly LiveRun[], request: IncomingMessage, response: ServerResponse, pollMs: number): void {
  response.writeHead(200, { ...securityHeaders, "Content-Type": "text/event-stream" });
  response.flushHeaders();
  const push = () => {
    for (const { tail, key } of tails) {
      try {
        const message = tail.poll();
        if (message === undefined) continue;
        response.write(`data: ${JSON.stringify(key === undefined ? message : { key, ...message })}\n\n`);
      } catch {
        // The run was deleted, or is being replaced: the page keeps what it has.
      }
    }
  };
  push();
  const timer = setInterval(push, pollMs);
  request.on("close", () => clearInterval(timer));
}

function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { ...securityHeaders, "Content-Type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(body));
}

function sendFile(response: ServerResponse, path: string): void {
  const { size } = statSync(path);
  const type = contentTypes[extname(path).toLowerCase()] ?? "application/octet-stream";
  response.writeHead(200, { ...securityHeaders, "Content-Type": type, "Content-Length": size });
  createReadStream(path)
    .on("error", () => response.destroy())
    .pipe(response);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hostName(request: IncomingMessage): string {
  return (request.headers.host ?? "").replace(/:\d+$/, "");
}

function isLoopback(host: string): boolean {
  return ["localhost", "127.0.0.1", "::1", "[::1]"].includes(host);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new CtError({
          code: "dashboard/listen",
          what: `cannot listen on ${host}:${port}: ${cause.message}`,
          fix: "choose another port; 0 takes a free one",
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}
