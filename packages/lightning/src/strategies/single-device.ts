import type { nn } from "@classifier-training/torch";
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

  setup(module: nn.AnyModule): void {
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
