import { type FSWatcher, watch } from "node:fs";

/** Folders above this many are left to the regular scan: the system has few watches for all programs. */
const maxFolders = 500;

/** Says when something was made or removed in one of several folders. */
export class FolderWatcher {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches one more folder; where that cannot be done, the regular scan finds what changes. */
  add(dir: string): void {
    if (this.#watchers.has(dir) || this.#watchers.size >= maxFolders) return;
    try {
      const watcher = watch(dir, { persistent: false }, () => this.#onChange());
      watcher.on("error", () => this.#drop(dir));
      this.#watchers.set(dir, watcher);
    } catch {
      // Too many watches, or a file system without events.
    }
  }

  close(): void {
    for (const dir of [...this.#watchers.keys()]) this.#drop(dir);
  }

  #drop(dir: string): void {
    this.#watchers.get(dir)?.close();
    this.#watchers.delete(dir);
  }
}
