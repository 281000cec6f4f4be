import type { GeneratorHandle } from "./native/binding.ts";
import { native } from "./native/load.ts";
import type { Device } from "./tensor/dtype.ts";
import { Tensor } from "./tensor/tensor.ts";

/**
 * A source of random numbers, for `randn(shape, { generator })`, `randperm`, `x.normal_(0, 1, { generator })` and every
 * operator with a `generator` argument. Two generators with one seed give the same numbers.
 */
export class Generator {
  readonly handle: GeneratorHandle;

  /** @param seed what it starts from; PyTorch's fixed default when left out */
  constructor({ device = "cpu", seed = 67280421310721n }: { device?: Device; seed?: number | bigint } = {}) {
    this.handle = native.newGenerator(device, seed);
  }

  get device(): Device {
    return native.generatorDevice(this.handle);
  }

  manualSeed(seed: number | bigint): this {
    native.generatorSeed(this.handle, seed);
    return this;
  }

  /** The seed that it was last given. */
  initialSeed(): bigint {
    return native.generatorInitialSeed(this.handle);
  }

  /** The state: a uint8 tensor, for checkpoints. */
  getState(): Tensor {
    return new Tensor(native.generatorState(this.handle));
  }

  setState(state: Tensor): this {
    native.setGeneratorState(this.handle, state.handle);
    return this;
  }
}

/** Seeds LibTorch's generators of all devices. */
export function manualSeed(seed: number | bigint): void {
  native.manualSeed(seed);
}

/** The state of a device's own generator, the one that is used where none is given: a uint8 tensor, for checkpoints. */
export function getRngState(device: Device = "cpu"): Tensor {
  return new Tensor(native.generatorState(native.defaultGenerator(device)));
}

export function setRngState(state: Tensor, device: Device = "cpu"): void {
  native.setGeneratorState(native.defaultGenerator(device), state.handle);
}
