import { nn, type Tensor, tensor } from "../src/index.ts";

/** How many samples of a batch each rank has: not equally many. */
export const shards = [3, 5] as const;

export interface Normalized {
  /** By step: [n, 3, 4, 2]. */
  readonly outputs: readonly (readonly number[])[];
  readonly inputGradients: readonly (readonly number[])[];
  readonly weightGradient: readonly number[];
  readonly biasGradient: readonly number[];
  readonly running: readonly (readonly number[])[];
  readonly evaluated: readonly number[];
}

/** Values of 8 samples, the same in each process: far from 0, where a sum of squares would lose the variance. */
function batch(step: number, dim: readonly number[]): Tensor {
  const size = dim.reduce((n, d) => n * d, 1);
  const values = Float64Array.from(
    { length: 8 * size },
    (_, i) => 300 + Math.sin(1 + i * (1.7 + step)) * (1 + (i % 3)),
  );
  return tensor([...values], { dtype: "float32" }).view([8, ...dim]);
}

/** Two training steps and an evaluation of this part of the batch. @param act batch norm with a shortcut and relu */
export function normalize(
  from: number,
  count: number,
  dim: readonly number[],
  act: boolean,
  synchronize: boolean,
): Normalized {
  const norm = dim.length === 1 ? new nn.BatchNorm1d(dim[0] as number) : new nn.BatchNorm2d(dim[0] as number);
  norm.weight?.detach().copy_(tensor([0.5, -1, 2]));
  norm.bias?.detach().copy_(tensor([0.1, 0.2, -0.3]));
  if (synchronize) nn.convertSyncBatchNorm(norm);
  const forward = (x: Tensor) =>
    act ? nn.functional.batchNormAct(x, norm, { residual: x.mul(1e-3) }) : (norm.call(x) as Tensor);
  const outputs: number[][] = [];
  const inputGradients: number[][] = [];
  for (let step = 0; step < 2; step++) {
    const x = batch(step, dim).narrow(0, from, count).contiguous().requiresGrad_();
    const output = forward(x);
    const slopes = batch(step + 5, dim)
      .narrow(0, from, count)
      .sub(300);
    output.mul(slopes).sum().backward();
    outputs.push(output.toArray() as number[]);
    inputGradients.push(x.grad?.toArray() as number[]);
  }
  norm.eval();
  return {
    outputs,
    inputGradients,
    weightGradient: norm.weight?.grad?.toArray() as number[],
    biasGradient: norm.bias?.grad?.toArray() as number[],
    running: [norm.running_mean, norm.running_var].map((one) => one?.toArray() as number[]),
    evaluated: forward(batch(9, dim)).toArray() as number[],
  };
}
