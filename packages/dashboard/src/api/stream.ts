import type { IncomingMessage, ServerResponse } from "node:http";
import { securityHeaders } from "../http/reply.ts";
import type { RunIndex } from "../runs/run-index.ts";
import type { Route } from "./route.ts";

/** A proxy between drops connections that are silent. */
const heartbeatMs = 15_000;

/**
 * Changes of all runs as server-sent events, in one stream: a browser has six connections to a server, for all of its tabs.
 * The id of an event is a cursor, so that a page that lost its connection misses nothing.
 */
export const stream: Route = {
  method: "GET",
  path: "stream",
  answer: ({ context, query }) => ({
    stream: (request, response) => follow(context.index, query.get("since") ?? undefined, request, response),
  }),
};

function follow(index: RunIndex, since: string | undefined, request: IncomingMessage, response: ServerResponse): void {
  const lastId = request.headers["last-event-id"];
  let cursor = typeof lastId === "string" ? lastId : since;
  response.writeHead(200, { ...securityHeaders, "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const push = () => {
    // A page that does not read gets everything at once later.
    if (response.writableNeedDrain) return;
    const changes = index.changesSince(cursor);
    cursor = changes.cursor;
    response.write(`id: ${changes.cursor}\ndata: ${JSON.stringify(changes)}\n\n`);
  };
  push();
  const stop = index.onChange(push);
  response.on("drain", push);
  const heartbeat = setInterval(() => response.write(":\n\n"), heartbeatMs);
  request.on("close", () => {
    stop();
    clearInterval(heartbeat);
  });
}
