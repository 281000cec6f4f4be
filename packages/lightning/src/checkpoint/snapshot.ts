import { copyTensors, ops, type serialization, type Tensor } from "@classifier-training/torch";

/** Memory that holds a copy of a run's tensors until the files made of it are written. */
export interface SnapshotBuffer {
  readonly data: SharedArrayBuffer;
  /** Files that are still to be written from it. */
  users: number;
}

/** The place of each tensor, by name, in the data of a file. */
export type Layout = ReadonlyMap<string, serialization.TensorEntry>;

/** A copy of tensors, and what it was taken of. */
export interface Snapshot {
  readonly buffer: SnapshotBuffer;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly layout: Layout;
}

/** Copies the tensors into the buffer. */
export function fill({ buffer, tensors, layout }: Snapshot): void {
  const destinations = [...tensors].flatMap(([name, tensor]) => {
    const place = layout.get(name);
    return place === undefined ? [] : [{ tensor, offset: place.begin }];
  });
  copyTensors(destinations, buffer.data);
}

/** Tensors made anew for each checkpoint, such as the generators' states, are compared up to this many bytes. */
const comparedBytes = 65_536;

/**
 * Whether a snapshot holds these tensors, given that nothing was changed since it was taken: each is the memory that
 * was copied, or small and equal to the copy.
 */
export function holds(snapshot: Snapshot, tensors: ReadonlyMap<string, Tensor>, layout: Layout): boolean {
  if (tensors.size !== snapshot.tensors.size) return false;
  for (const [name, tensor] of tensors) {
    const copied = snapshot.tensors.get(name);
    const place = layout.get(name);
    const known = snapshot.layout.get(name);
    if (copied === undefined || place === undefined || known === undefined || !isSamePlace(place, known)) return false;
    if (isSameMemory(tensor, copied)) continue;
    const { begin, end } = place;
    if (end - begin > comparedBytes) return false;
    if (Buffer.compare(tensor.bytes(), Buffer.from(snapshot.buffer.data, begin, end - begin)) !== 0) return false;
  }
  return true;
}

function isSamePlace(a: serialization.TensorEntry, b: serialization.TensorEntry): boolean {
  return a.dtype === b.dtype && a.begin === b.begin && a.end === b.end && a.shape.join() === b.shape.join();
}

function isSameMemory(a: Tensor, b: Tensor): boolean {
  if (a === b) return true;
  return !b.isDisposed && a.device === b.device && a.dtype === b.dtype && Boolean(ops.aten["is_set_to"]?.(a, b));
}
