import { getLogger } from "@classifier-training/base";
import {
  amp,
  autocast,
  type DType,
  fused,
  type nn,
  noGrad,
  ones,
  type optim,
  scope,
  type Tensor,
} from "@classifier-training/torch";
import type { Precision, StepPass } from "./precision.ts";

const log = getLogger("lightning.precision");

/** Weights and activations in one format. */
export class TruePrecision implements Precision {
  readonly name: string;
  readonly inputDtype: DType | undefined;
  readonly #dtype: DType;

  constructor(name: string, dtype: DType) {
    this.name = name;
    this.#dtype = dtype;
    this.inputDtype = dtype === "float32" ? undefined : dtype;
  }

  convertModule(module: nn.AnyModule): void {
    if (this.inputDtype !== undefined) module.to({ dtype: this.#dtype });
  }

  forward<T>(run: () => T): T {
    return run();
  }

  scaleLoss(loss: Tensor): Tensor {
    return loss;
  }

  unscale(): void {}

  readonly canPass = true;
  readonly skipsOverflows = false;

  step(optimizer: optim.Optimizer, pass: StepPass = {}): void {
    optimizer.step(null, pass);
  }

  stateDict(): Record<string, unknown> {
    return {};
  }

  loadStateDict(): void {}
}

/** Float32 weights; the forward pass runs in a shorter format where that is safe (autocast). */
export class MixedPrecision implements Precision {
  readonly name: string;
  readonly inputDtype = undefined;
  readonly #dtype: DType;
  readonly #device: string;
  readonly #scaler: amp.GradScaler | undefined;

  constructor(name: string, dtype: DType, device: string) {
    this.name = name;
    this.#dtype = dtype;
    this.#device = deviceKind(device);
    // bfloat16 has float32's range: nothing to scale.
    this.#scaler = dtype === "float16" ? new amp.GradScaler() : undefined;
  }

  convertModule(): void {}

  forward<T>(run: () => T): T {
    return autocast({ device: this.#device, dtype: this.#dtype, enabled: true }, run);
  }

  scaleLoss(loss: Tensor): Tensor {
    return this.#scaler === undefined ? loss : this.#scaler.scale(loss);
  }

  unscale(optimizer: optim.Optimizer): void {
    this.#scaler?.unscale_(optimizer);
  }

  /** A scaler looks at the gradients itself. */
  get canPass(): boolean {
    return this.#scaler === undefined;
  }

  get skipsOverflows(): boolean {
    return this.#scaler !== undefined;
  }

  step(optimizer: optim.Optimizer, pass: StepPass = {}): void {
    if (this.#scaler === undefined) {
      optimizer.step(null, pass);
      return;
    }
    this.#scaler.step(optimizer);
    this.#scaler.update();
  }

  stateDict(): Record<string, unknown> {
    return { ...this.#scaler?.stateDict() };
  }

  loadStateDict(state: Record<string, unknown>): void {
    if (Object.keys(state).length > 0) this.#scaler?.loadStateDict(state as never);
  }
}

/** The names that a configuration may give. */
export const precisionNames = [
  "auto",
  "32-true",
  "64-true",
  "bf16-true",
  "16-true",
  "bf16-mixed",
  "16-mixed",
  "16",
  "32",
  "64",
  "bf16",
] as const;

export type PrecisionOption = (typeof precisionNames)[number] | 16 | 32 | 64 | null;

const aliases: Readonly<Record<string, string>> = {
  "16": "16-mixed",
  "32": "32-true",
  "64": "64-true",
  bf16: "bf16-mixed",
};

/** Of `cuda:1`, `cuda`. */
function deviceKind(device: string): string {
  return device.split(":")[0] as string;
}

/** The fastest precision of this kind of device that keeps the weights in float32. */
function fastest(kind: string): "16-mixed" | "bf16-mixed" | "32-true" {
  if (kind === "cuda") return "16-mixed";
  return kind === "cpu" && fused.multipliesBfloat16() ? "bf16-mixed" : "32-true";
}

/** LibTorch 1.13 has no float16 kernels for matrix products and convolutions on a CPU; 2.x has. */
function computesInFloat16(): boolean {
  try {
    return noGrad(() =>
      scope(() => ones([1, 1], { dtype: "float16" }).matmul(ones([1, 1], { dtype: "float16" })).numel === 1),
    );
  } catch {
    return false;
  }
}

/**
 * The precision that an option asks for; on a CPU `16-mixed` becomes `bf16-mixed`, with a warning, as in Lightning.
 * `auto`, which Lightning does not have, is the fastest of the device that keeps the weights in float32.
 */
export function selectPrecision(option: PrecisionOption, device: string): Precision {
  if (option === "auto") {
    const chosen = fastest(deviceKind(device));
    log.detail(`precision: "auto" is ${chosen} on this device`);
    return selectPrecision(chosen, device);
  }
  const asked = String(option ?? "32-true");
  const name = aliases[asked] ?? asked;
  switch (name) {
    case "64-true":
      return new TruePrecision(name, "float64");
    case "bf16-true":
      return new TruePrecision(name, "bfloat16");
    case "16-true":
      if (deviceKind(device) !== "cpu" || computesInFloat16()) return new TruePrecision(name, "float16");
      log.warning(`precision: "${asked}" is not supported on CPUs by this LibTorch: using "bf16-true" instead`);
      return new TruePrecision("bf16-true", "bfloat16");
    case "bf16-mixed":
      return new MixedPrecision(name, "bfloat16", device);
    case "16-mixed":
      if (device !== "cpu") return new MixedPrecision(name, "float16", device);
      log.info(
        `precision: "${asked}" is not supported on CPUs (float16 kernels are slow and lose range): using "bf16-mixed" instead`,
      );
      return new MixedPrecision("bf16-mixed", "bfloat16", device);
    default:
      return new TruePrecision("32-true", "float32");
  }
}
