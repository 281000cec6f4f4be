import { type nn, recordedCalls } from "@classifier-training/torch";
import type { Exportable } from "./trace.ts";

/** The calls from `start` up to `end` were recorded while a module ran. */
interface Span {
  readonly path: string;
  readonly start: number;
  end: number;
}

/**
 * Notes which module makes which call of a recording, by hooks on every module. `pathAt(i)` is the path of the innermost
 * module that was running when call `i` of the first recording was made.
 */
export function moduleSpans(target: Exportable): { pathAt(call: number): string; remove(): void } {
  if (typeof target === "function") return { pathAt: () => "", remove: () => {} };
  const spans: Span[] = [];
  const open: Span[] = [];
  const handles = [...target.namedModules()].flatMap(([path, module]: [string, nn.AnyModule]) => [
    module.registerForwardPreHook(() => {
      const span = { path, start: recordedCalls(), end: Number.POSITIVE_INFINITY };
      spans.push(span);
      open.push(span);
    }),
    module.registerForwardHook(() => {
      const span = open.pop();
      if (span !== undefined) span.end = recordedCalls();
    }),
  ]);
  return {
    // spans open outside before inside, so the last that fits is the innermost
    pathAt: (call) => spans.findLast(({ start, end }) => start <= call && call < end)?.path ?? "",
    remove: () => {
      for (const handle of handles) handle.remove();
    },
  };
}
