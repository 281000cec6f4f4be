import type { SessionInfo } from "../api-types.ts";
import type { Extension, Route } from "./route.ts";

/** What the page may do, and the state of each extension for pages that cannot follow the stream. */
export function sessionRoutes(extensions: readonly Extension[]): readonly Route[] {
  return [
    {
      method: "GET",
      path: "session",
      answer: ({ context, canWrite }) => {
        const info: SessionInfo = {
          root: context.index.root,
          canWrite,
          extensions: extensions.map(({ name }) => name),
        };
        return { json: info };
      },
    },
    {
      method: "GET",
      path: "states",
      answer: () => ({
        json: Object.fromEntries(
          extensions.flatMap(({ name, state }) => (state === undefined ? [] : [[name, state()]])),
        ),
      }),
    },
  ];
}
