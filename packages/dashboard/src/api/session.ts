import type { SessionInfo } from "../api-types.ts";
import type { Route } from "./route.ts";

/** What the page may do. */
export const session: Route = {
  method: "GET",
  path: "session",
  answer: ({ context, canWrite }) => {
    const info: SessionInfo = { root: context.index.root, canWrite };
    return { json: info };
  },
};
