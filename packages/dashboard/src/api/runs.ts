import type { Route } from "./route.ts";

/** The runs, or what changed among them since `since`. */
export const runs: Route = {
  method: "GET",
  path: "runs",
  answer: ({ context, query }) => ({ json: context.index.changesSince(query.get("since") ?? undefined) }),
};

/** The names of values that columns can show. */
export const columns: Route = {
  method: "GET",
  path: "columns",
  answer: ({ context }) => ({ json: context.index.columns() }),
};

/** One value of the configuration of all runs. */
export const column: Route = {
  method: "GET",
  path: "columns/config",
  answer: ({ context, query }) => ({ json: context.index.column(query.get("name") ?? "") }),
};
