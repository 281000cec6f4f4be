import { TorchError } from "../errors.ts";
import { scope } from "../scope.ts";
import { tensor, zerosLike } from "../tensor/create.ts";
import { Tensor } from "../tensor/tensor.ts";
import { grad } from "./backward.ts";
import { noGrad } from "./modes.ts";

export interface GradcheckOptions {
  /** The step of the finite differences. */
  readonly eps?: number;
  readonly atol?: number;
  readonly rtol?: number;
}

/**
 * Compares the gradients of `fn` with central finite differences, element by element.
 *
 * @param fn a function of the inputs, with one tensor or several as result
 * @param inputs float64 tensors; those with `requiresGrad` are checked
 * @returns true
 * @throws TorchError naming input, output and both numbers where they disagree beyond `atol + rtol * |numerical|`
 */
export function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  { eps = 1e-6, atol = 1e-5, rtol = 1e-3 }: GradcheckOptions = {},
): true {
  for (const [i, input] of inputs.entries()) {
    if (input.requiresGrad && input.dtype !== "float64") {
      throw new TorchError({
        code: "torch/gradcheck",
        what: `gradcheck needs float64 inputs, and input ${i} is ${input.dtype}: finite differences drown in rounding`,
      });
    }
  }
  const outputsOf = () => {
    const result = fn(...inputs);
    return result instanceof Tensor ? [result] : [...result];
  };
  scope(() => {
    const checked = inputs.map((input, i) => ({ input, i })).filter(({ input }) => input.requiresGrad);
    const outputs = outputsOf();
    for (const [o, output] of outputs.entries()) {
      if (!output.requiresGrad) continue;
      for (const { input, i } of checked) {
        const numerical = numericalJacobian(() => outputsOf()[o]!, input, eps);
        for (let row = 0; row < output.numel; row++) {
          const seed = zerosLike(output);
          seed.reshape(-1).select(0, row).fill_(1);
          const [gradient] = grad(output, input, { gradOutputs: seed, retainGraph: true, allowUnused: true });
          const analytical = gradient?.toArray() ?? new Array<number>(input.numel).fill(0);
          compare(
            analytical,
            numerical.map((column) => column[row]!),
            { output: o, row, input: i },
            atol,
            rtol,
          );
        }
      }
    }
  });
  return true;
}

/** For each element of the input, the change of all outputs. */
function numericalJacobian(run: () => Tensor, input: Tensor, eps: number): number[][] {
  return noGrad(() =>
    scope(() => {
      const flat = input.detach().view(-1);
      return flat.toArray().map((value, at) => {
        const evaluate = (x: number) => {
          flat.select(0, at).copy_(tensor(x, { dtype: "float64" }));
          return run().toArray();
        };
        const up = evaluate(value + eps);
        const down = evaluate(value - eps);
        flat.select(0, at).copy_(tensor(value, { dtype: "float64" }));
        return up.map((y, row) => (y - down[row]!) / (2 * eps));
      });
    }),
  );
}

function compare(
  analytical: readonly number[],
  numerical: readonly number[],
  where: { output: number; row: number; input: number },
  atol: number,
  rtol: number,
): void {
  for (const [at, expected] of numerical.entries()) {
    const found = analytical[at]!;
    if (Math.abs(found - expected) <= atol + rtol * Math.abs(expected)) continue;
    throw new TorchError({
      code: "torch/gradcheck",
      what: `the gradient of output ${where.output}[${where.row}] by input ${where.input}[${at}] is ${found}, but finite differences give ${expected}`,
    });
  }
}
