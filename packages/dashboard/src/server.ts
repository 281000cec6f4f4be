import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CtError } from "@classifier-training/base";
import { type Answer, type Context, type Extension, type Route, refusal } from "./api/route.ts";
import { findRoute, runRoutes } from "./api/routes.ts";
import { sessionRoutes } from "./api/session.ts";
import { streamRoute } from "./api/stream.ts";
import { hasToken, isLoopback, newToken, refusalOf } from "./http/guard.ts";
import { pageFiles } from "./http/page-files.ts";
import { sendBody, sendFile, sendJson } from "./http/reply.ts";
import { CurveCache } from "./metrics/run-curves.ts";
import { RunIndex } from "./runs/run-index.ts";

export interface DashboardOptions {
  /** The folder whose runs are shown, e.g. `outputs`. */
  readonly root: string;
  /** 0 takes a free one. */
  readonly port?: number;
  /** The address to listen on; only this machine by default. */
  readonly host?: string;
  /** How often growing runs are looked at. */
  readonly pollMs?: number;
  /** What it can do besides showing runs. */
  readonly extensions?: readonly Extension[];
}

export interface Dashboard {
  readonly url: string;
  /** The page with the token for names, tags, notes, and deleting: for those only who may write. */
  readonly writeUrl: string;
  /** Resolves when all folders were looked through once. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/**
 * Serves the page over the run directories of a folder.
 * @throws CtError `dashboard/listen` when the port cannot be had; `dashboard/page` when the page was not built.
 */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { root, port = 6007, host = "127.0.0.1", pollMs = 1000, extensions = [] } = options;
  const pages = pageFiles();
  const token = newToken();
  const routes = [
    ...sessionRoutes(extensions),
    streamRoute(extensions),
    ...runRoutes,
    ...extensions.flatMap((extension) => extension.routes),
  ];
  const server = createServer((request, response) => {
    respond(request, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else sendJson(request, response, { error: error instanceof Error ? error.message : String(error) }, 500);
    });
  });
  await listen(server, port, host);
  const context: Context = { index: new RunIndex(root, pollMs), curves: new CurveCache() };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const refused = refusalOf(request, isLoopback(host));
    if (refused !== undefined) return sendJson(request, response, { error: refused }, 403);
    if (!URL.canParse(url, "http://localhost")) return sendJson(request, response, { error: "not an address" }, 400);
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const page = method === "GET" || method === "HEAD" ? pages.get(pathname) : undefined;
    if (page !== undefined) return sendBody(request, response, page.body, page);
    const answer = await answerOf(request, method, pathname, searchParams);
    if ("stream" in answer) answer.stream(request, response);
    else if ("file" in answer) sendFile(request, response, answer.file, answer.download);
    else if ("bytes" in answer) sendBody(request, response, Buffer.from(answer.bytes), answer);
    else sendJson(request, response, answer.json, answer.status);
  }

  async function answerOf(
    request: IncomingMessage,
    method: string,
    path: string,
    query: URLSearchParams,
  ): Promise<Answer> {
    if (!path.startsWith("/api/")) return refusal(404, "not found");
    const found = findRoute(routes, method, path.slice("/api/".length));
    if ("methods" in found)
      return found.methods.length === 0 ? refusal(404, "not found") : refusal(405, `only ${found.methods.join(", ")}`);
    const canWrite = hasToken(request, token);
    const writes = found.route.method !== "GET";
    if (writes && !canWrite) return refusal(401, "writing needs the address that `classifier dashboard` printed");
    const body = writes ? await bodyOf(request, found.route) : undefined;
    if (typeof body === "string") return refusal(400, body);
    const run = found.key === undefined ? undefined : context.index.find(found.key);
    if (found.key !== undefined && run === undefined) return refusal(404, "not found");
    const { route, rest } = found;
    try {
      return await route.answer({ context, request, query, run: run as NonNullable<typeof run>, rest, canWrite, body });
    } catch (error) {
      if (CtError.is(error)) return refusal(400, error.message);
      throw error;
    }
  }

  const { port: actual } = server.address() as AddressInfo;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${actual}/`;
  return {
    url,
    writeUrl: `${url}#token=${token}`,
    ready: context.index.scan(),
    close: async () => {
      context.index.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await Promise.all([closed, ...extensions.map((extension) => extension.close?.())]);
    },
  };
}

const maxJsonBytes = 2 ** 17;

/** The JSON object in a request, or the bytes where the endpoint asks for them; a text says what is wrong with it. */
async function bodyOf(request: IncomingMessage, { maxBytes }: Route): Promise<object | string> {
  const most = maxBytes ?? maxJsonBytes;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) return `at most ${most} bytes are read`;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (maxBytes !== undefined) return bytes;
  if (size === 0) return {};
  try {
    const body: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof body === "object" && body !== null ? body : "expected a JSON object";
  } catch {
    return "expected JSON";
  }
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
