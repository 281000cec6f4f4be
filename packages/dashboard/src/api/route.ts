import type { IncomingMessage, ServerResponse } from "node:http";
import type { Run } from "@classifier-training/runs";
import type { CurveCache } from "../metrics/run-curves.ts";
import type { RunIndex } from "../runs/run-index.ts";

/** What every endpoint can use. */
export interface Context {
  readonly index: RunIndex;
  readonly curves: CurveCache;
}

export interface Call {
  readonly context: Context;
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  /** Of `/api/runs/KEY/...`. */
  readonly run: Run;
  /** What follows the endpoint's own address. */
  readonly rest: string;
  /** Whether the request carried the token for writing. */
  readonly canWrite: boolean;
  /** The body of a request that writes. */
  readonly body: unknown;
}

export type Answer =
  | { readonly json: unknown; readonly status?: number }
  | { readonly file: string }
  /** Takes over the response until the page goes away. */
  | { readonly stream: (request: IncomingMessage, response: ServerResponse) => void };

/** An endpoint: one file of this folder, listed in `routes.ts`. */
export interface Route {
  readonly method: "GET" | "PUT" | "DELETE";
  /** Below `/api/`; `runs/KEY/...` gives the run; `*` at the end takes the rest of the address. */
  readonly path: string;
  /** Needs no token: everything else does but `GET`. */
  readonly answer: (call: Call) => Answer;
}

export function refusal(status: number, error: string): Answer {
  return { json: { error }, status };
}
