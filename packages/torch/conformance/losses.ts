import { CtError } from "@classifier-training/base";
import { type DType, nn, scope, type Tensor, tensor } from "../src/index.ts";
import { fillFromText } from "./fill.ts";
import { compare, flatNumbers, Section, type Tolerance } from "./report.ts";

interface Recording {
  readonly loss: string;
  readonly dtype?: DType;
  readonly logits: string | readonly (readonly number[])[];
  readonly targets: readonly unknown[];
  readonly weight?: readonly number[] | null;
  readonly pos_weight?: readonly number[] | null;
  readonly label_smoothing?: number;
  readonly reduction?: nn.Reduction;
  readonly gamma?: number;
  readonly ignore_index?: number;
  readonly value: unknown;
  readonly grad?: unknown;
  readonly note?: string;
}

/** Losses and the gradients of the logits (of their sum, where the loss is not reduced). */
export function checkLosses(recordings: readonly unknown[]): Section {
  const section = new Section("numerics.json losses");
  for (const [i, entry] of recordings.entries()) {
    const recording = entry as Recording;
    const { logits: _, targets: _targets, value: _value, grad: _grad, ...options } = recording;
    section.case(`${i} ${JSON.stringify(options)}`, () => scope(() => check(recording)));
  }
  return section;
}

function check(recording: Recording): string[] {
  const { dtype = "float32", logits: given } = recording;
  const logits = typeof given === "string" ? fillFromText(given, dtype) : tensor(given, { dtype });
  logits.requiresGrad = true;
  const value = evaluate(recording, logits, dtype);
  const tolerance: Tolerance =
    dtype === "float64" ? { relative: 1e-9, absolute: 1e-12 } : { relative: 1e-6, absolute: 1e-7 };
  const complaints = compare("value", value.toArray(), flatNumbers(recording.value), tolerance);
  if (recording.grad === undefined || recording.grad === null) return complaints;
  value.sum().backward();
  const gradient = logits.grad?.toArray() ?? [];
  return [...complaints, ...compare("grad", gradient, flatNumbers(recording.grad), { ...tolerance, relative: 1e-5 })];
}

function evaluate(recording: Recording, logits: Tensor, dtype: DType): Tensor {
  const { loss, label_smoothing: labelSmoothing = 0, reduction = "mean", gamma, ignore_index: ignoreIndex } = recording;
  const { functional: F } = nn;
  const weight = recording.weight ? tensor(recording.weight, { dtype }) : null;
  const soft = Array.isArray(recording.targets[0]);
  const isFloat = soft || /^(bce|binary|mse|l1|smooth)/.test(loss);
  const target = tensor(recording.targets as number[], { dtype: isFloat ? dtype : "int64" });
  const ignored = ignoreIndex === undefined ? {} : { ignoreIndex };
  if (/^focal/.test(loss)) {
    return F.focalLoss(logits, target, { weight, labelSmoothing, ...(gamma === undefined ? {} : { gamma }) });
  }
  switch (loss) {
    case "cross_entropy":
      return F.crossEntropy(logits, target, { weight, labelSmoothing, reduction, ...ignored });
    case "nll_loss":
    case "nll":
      return F.nllLoss(F.logSoftmax(logits, -1), target, { weight, reduction, ...ignored });
    case "mse_loss":
    case "mse":
      return F.mseLoss(logits, target, { reduction });
    case "bce":
    case "binary_cross_entropy":
      return F.binaryCrossEntropy(logits, target, { weight, reduction });
    case "bce_with_logits":
    case "binary_cross_entropy_with_logits": {
      const posWeight = recording.pos_weight ? tensor(recording.pos_weight, { dtype }) : null;
      return F.binaryCrossEntropyWithLogits(logits, target, { weight, posWeight, reduction });
    }
    default:
      throw new CtError({ code: "conformance/format", what: `no loss named '${loss}'` });
  }
}
