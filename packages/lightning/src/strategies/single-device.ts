import { Tensor } from "@classifier-training/torch";
import type { LightningModule } from "../core/module.ts";
import type { Strategy } from "./strategy.ts";

/** One process, one device. */
export class SingleDeviceStrategy implements Strategy {
  readonly name = "single_device";
  readonly worldSize = 1;
  readonly globalRank = 0;
  readonly localRank = 0;
  readonly rootDevice: string;

  constructor(device: string) {
    this.rootDevice = device;
  }

  setup(module: LightningModule): void {
    if (this.rootDevice !== "cpu") module.to({ device: this.rootDevice });
  }

  connect(): void {}

  reduceGradients(): void {}

  synchronizeBuffers(): void {}

  allGather<T>(value: T): readonly T[] {
    return [value];
  }

  anyOf(flags: readonly boolean[]): readonly boolean[] {
    return flags;
  }

  reduceDecision(decision: boolean): boolean {
    return decision;
  }

  async barrier(): Promise<void> {}

  abandon(): void {}

  expectEnd(): void {}

  async teardown(): Promise<void> {}
}

/** Moves the tensors of a batch (arrays and plain objects of them); everything else stays as it is. */
export function moveTensors(value: unknown, device: string): unknown {
  if (value instanceof Tensor) return value.device === device ? value : value.to({ device, nonBlocking: true });
  if (Array.isArray(value)) return value.map((item) => moveTensors(item, device));
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const moved = Object.assign(Object.create(Object.getPrototypeOf(value)), value);
  for (const key of Object.keys(moved)) moved[key] = moveTensors(moved[key], device);
  return moved;
}
