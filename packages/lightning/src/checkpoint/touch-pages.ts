const pageBytes = 4096;

/**
 * Has the system provide the memory's pages, without a change to what is in it: a snapshot may be taken into it at the
 * same time by another thread, hence the atomic operation.
 */
export function touchPages(memory: SharedArrayBuffer): void {
  const bytes = new Uint8Array(memory);
  for (let at = 0; at < bytes.length; at += pageBytes) Atomics.or(bytes, at, 0);
}
