/** What a hook may return: it can be synchronous or asynchronous. */
export type Awaitable<T> = T | Promise<T>;

/** Whether a value must be awaited; hooks that return at once cost no turn of the event loop. */
export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
