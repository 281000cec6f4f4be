import { expect } from "vitest";

/** Expects of what is looked at again and again: this machine may be busy with other tests. */
export function eventually<T>(look: () => T | Promise<T>, options: { readonly message?: string } = {}) {
  return expect.poll(look, { timeout: 30_000, interval: 50, ...options });
}
