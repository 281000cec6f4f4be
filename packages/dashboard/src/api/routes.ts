import { embeddings, evaluation, evaluations, paired } from "./evaluations.ts";
import { metrics, system } from "./metrics.ts";
import type { Route } from "./route.ts";
import { file, log, run } from "./run.ts";
import { column, columns, runs } from "./runs.ts";
import { annotate, remove } from "./write.ts";

/** The endpoints of runs. */
export const runRoutes: readonly Route[] = [
  runs,
  columns,
  column,
  run,
  metrics,
  system,
  log,
  file,
  evaluations,
  evaluation,
  embeddings,
  paired,
  annotate,
  remove,
];

export interface Found {
  readonly route: Route;
  /** Of `runs/KEY`, decoded. */
  readonly key?: string;
  readonly rest: string;
}

/**
 * The endpoint of an address below `/api/`; `methods` are those that the address has when the asked one is not there. Of two
 * that fit, the one with more fixed parts is meant.
 */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): Found | { readonly methods: readonly string[] } {
  const parts = path.split("/").map(decoded);
  const matches = routes.flatMap((route) => {
    const pattern = route.path.split("/");
    const isOpen = pattern.at(-1) === "*";
    const fixed = isOpen ? pattern.slice(0, -1) : pattern;
    const fits = isOpen ? parts.length > fixed.length : parts.length === fixed.length;
    if (!fits || !fixed.every((part, i) => part === "KEY" || part === parts[i])) return [];
    const key = parts[fixed.indexOf("KEY")];
    return [{ route, rest: parts.slice(fixed.length).join("/"), ...(key !== undefined && { key }), fixed }];
  });
  matches.sort((a, b) => b.fixed.length - a.fixed.length);
  const wanted = method === "HEAD" ? "GET" : method;
  return matches.find(({ route }) => route.method === wanted) ?? { methods: matches.map(({ route }) => route.method) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
