import { TorchError } from "../errors.ts";
import { scope } from "../scope.ts";
import { randnLike, zerosLike } from "../tensor/create.ts";
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
    // All finite differences come first: they change the inputs in place, which the graph must not see.
    const differences = checked.map(({ input }) => numericalJacobians(outputsOf, input, eps));
    const outputs = outputsOf();
    for (const [o, output] of outputs.entries()) {
      if (!output.requiresGrad) continue;
      for (const [k, { input, i }] of checked.entries()) {
        const numerical = differences[k]![o]!;
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

/**
 * Compares the second derivatives of `fn` with finite differences of its first ones, as `gradcheck` does for those.
 * The gradients of the outputs are random, and count as inputs too.
 */
export function gradgradcheck(
  fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): true {
  return scope(() => {
    const outputsOf = (given: readonly Tensor[]): Tensor[] => {
      const result = fn(...given);
      return (result instanceof Tensor ? [result] : [...result]).filter((output) => output.requiresGrad);
    };
    const seeds = outputsOf(inputs).map((output) => randnLike(output.detach(), { requiresGrad: true }));
    const gradients = (...given: Tensor[]): Tensor[] => {
      const [own, gradOutputs] = [given.slice(0, inputs.length), given.slice(inputs.length)];
      const wanted = own.filter((input) => input.requiresGrad);
      const found = grad(outputsOf(own), wanted, { gradOutputs, createGraph: true, allowUnused: true });
      return found.filter((gradient) => gradient !== null);
    };
    return gradcheck(gradients, [...inputs, ...seeds], options);
  });
}

/** For each output, then for each element of the input: the change of all elements of the output. */
function numericalJacobians(run: () => readonly Tensor[], input: Tensor, eps: number): number[][][] {
  return scope(() => {
    const flat = input.detach().view(-1);
    const evaluate = (at: number, value: number) => {
      noGrad(() => flat.select(0, at).fill_(value));
      return run().map((output) => output.toArray());
    };
    const columns = flat.toArray().map((value, at) => {
      const up = evaluate(at, value + eps);
      const down = evaluate(at, value - eps);
      noGrad(() => flat.select(0, at).fill_(value));
      return up.map((output, o) => output.map((y, row) => (y - down[o]![row]!) / (2 * eps)));
    });
    const outputs = columns[0]?.length ?? 0;
    return Array.from({ length: outputs }, (_, o) => columns.map((column) => column[o]!));
  });
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
