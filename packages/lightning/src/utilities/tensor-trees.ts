import { type DType, isFloatingPoint, Tensor } from "@classifier-training/torch";

/** Batches and states: records, arrays and maps with tensors in them. */

/** The same tree with tensors on a device. */
export function moveTensors(value: unknown, device: string): unknown {
  return mapTensors(value, (tensor) => (tensor.device === device ? tensor : tensor.to({ device, nonBlocking: true })));
}

/** The same tree with floating-point tensors of a dtype. */
export function convertFloats(value: unknown, dtype: DType): unknown {
  return mapTensors(value, (tensor) =>
    isFloatingPoint(tensor.dtype) && tensor.dtype !== dtype ? tensor.to({ dtype }) : tensor,
  );
}

/** Copies arrays and records with their prototypes; everything else stays as it is. */
function mapTensors(value: unknown, change: (tensor: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTensors(item, change));
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const copy = Object.assign(Object.create(Object.getPrototypeOf(value)), value);
  for (const key of Object.keys(copy)) copy[key] = mapTensors(copy[key], change);
  return copy;
}

/** Bytes of the tensors in plain objects, arrays and maps. */
export function tensorBytes(value: unknown): number {
  if (value instanceof Tensor) return value.numel * value.elementSize;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return 0;
  const items = value instanceof Map ? [...value.values()] : Object.values(value);
  return items.reduce((sum: number, item) => sum + tensorBytes(item), 0);
}
