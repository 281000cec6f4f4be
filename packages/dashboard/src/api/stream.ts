import type { IncomingMessage, ServerResponse } from "node:http";
import { securityHeaders } from "../http/reply.ts";
import type { RunIndex } from "../runs/run-index.ts";
import type { Extension, Route } from "./route.ts";

/** A proxy between drops connections that are silent. */
const heartbeatMs = 15_000;

/**
 * Changes of all runs and of the extensions' states as server-sent events, in one stream: a browser has six connections to a
 * server, for all of its tabs. The id of an event is a cursor, so that a page that lost its connection misses nothing; events
 * of an extension have its name, and its whole state.
 */
export function streamRoute(extensions: readonly Extension[]): Route {
  return {
    method: "GET",
    path: "stream",
    answer: ({ context, query }) => ({
      stream: (request, response) =>
        follow(context.index, extensions, query.get("since") ?? undefined, request, response),
    }),
  };
}

function follow(
  index: RunIndex,
  extensions: readonly Extension[],
  since: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const lastId = request.headers["last-event-id"];
  let cursor = typeof lastId === "string" ? lastId : since;
  const unsent = new Set(extensions.filter(({ state }) => state !== undefined));
  let hasNews = true;
  response.writeHead(200, { ...securityHeaders, "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const push = () => {
    // A page that does not read gets everything at once later.
    if (response.writableNeedDrain) return;
    if (hasNews) {
      hasNews = false;
      const changes = index.changesSince(cursor);
      cursor = changes.cursor;
      response.write(`id: ${changes.cursor}\ndata: ${JSON.stringify(changes)}\n\n`);
    }
    for (const extension of unsent) {
      response.write(`event: ${extension.name}\ndata: ${JSON.stringify(extension.state?.())}\n\n`);
    }
    unsent.clear();
  };
  push();
  const stops = [
    index.onChange(() => {
      hasNews = true;
      push();
    }),
    ...extensions.flatMap(
      (extension) =>
        extension.onChange?.(() => {
          unsent.add(extension);
          push();
        }) ?? [],
    ),
  ];
  response.on("drain", push);
  const heartbeat = setInterval(() => response.write(":\n\n"), heartbeatMs);
  request.on("close", () => {
    for (const stop of stops) stop();
    clearInterval(heartbeat);
  });
}
