/** Undoes a registration. */
export interface HookHandle {
  remove(): void;
}

/** Functions to call in the order of their registration. */
export class HookList<Hook> {
  readonly #hooks = new Map<number, Hook>();
  #next = 0;

  get size(): number {
    return this.#hooks.size;
  }

  add(hook: Hook): HookHandle {
    const id = this.#next++;
    this.#hooks.set(id, hook);
    return { remove: () => void this.#hooks.delete(id) };
  }

  [Symbol.iterator](): Iterator<Hook> {
    return [...this.#hooks.values()][Symbol.iterator]();
  }
}
