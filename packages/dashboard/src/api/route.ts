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
  /** The body of a request that writes: an object, or bytes where the endpoint asks for them. */
  readonly body: unknown;
}

export type Answer =
  | { readonly json: unknown; readonly status?: number }
  /** @param download the name that it is saved under, instead of being shown */
  | { readonly file: string; readonly download?: string }
  | { readonly bytes: Uint8Array; readonly type: string }
  /** Takes over the response until the page goes away. */
  | { readonly stream: (request: IncomingMessage, response: ServerResponse) => void };

/** An endpoint: one file of this folder, listed in `routes.ts`, or one that an extension adds. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/api/`; `runs/KEY/...` gives the run; `*` at the end takes the rest of the address. */
  readonly path: string;
  /** Takes bytes, so many at most; without it a JSON object of at most 128 KiB. */
  readonly maxBytes?: number;
  /**
   * Needs no token where it is a `GET`: everything else does. A `CtError` is answered with its sentence and 400.
   */
  readonly answer: (call: Call) => Answer | Promise<Answer>;
}

/** What a server can do besides showing runs. */
export interface Extension {
  /** The page shows what belongs to it. */
  readonly name: string;
  readonly routes: readonly Route[];
  /** What the page follows: sent when it connects, and whenever it has changed. JSON. */
  readonly state?: () => unknown;
  /** Calls the listener when the state has changed. @returns a function that ends this */
  readonly onChange?: (listener: () => void) => () => void;
  readonly close?: () => void | Promise<void>;
}

export function refusal(status: number, error: string): Answer {
  return { json: { error }, status };
}
