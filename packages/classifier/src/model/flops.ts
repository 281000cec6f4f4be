import { record, type Tensor, type TracedCall, type TracedValue } from "@classifier-training/torch";

/**
 * Operations of a forward pass: two (multiply, add) for each product in a convolution or matrix multiplication, which is
 * where nearly all of them are.
 */
export function countFlops(forward: () => unknown): number {
  const trace = record(forward);
  const shapeOf = (value: TracedValue | undefined): readonly number[] =>
    value !== undefined && "tensor" in value ? (trace.tensors[value.tensor] as Tensor).shape : [];
  return trace.calls.reduce(
    (sum, call) => sum + flopsOf(call, (i) => shapeOf(call.arguments[i]?.value), outputShape(call)),
    0,
  );

  function outputShape(call: TracedCall): readonly number[] {
    const id = call.outputs[0];
    return id === undefined ? [] : (trace.tensors[id] as Tensor).shape;
  }
}

function flopsOf(
  { op }: TracedCall,
  shapeOfArgument: (i: number) => readonly number[],
  output: readonly number[],
): number {
  const size = output.reduce((product, side) => product * side, 1);
  switch (op) {
    case "aten::conv2d":
    case "aten::convolution":
    case "aten::_convolution": {
      const [, perGroup = 0, height = 0, width = 0] = shapeOfArgument(1);
      return 2 * size * perGroup * height * width;
    }
    case "aten::linear":
    case "aten::mm":
    case "aten::matmul":
    case "aten::bmm":
      return 2 * size * (shapeOfArgument(0).at(-1) ?? 0);
    case "aten::addmm":
      return 2 * size * (shapeOfArgument(1).at(-1) ?? 0);
    default:
      return 0;
  }
}
