import { noGrad, Tensor } from "@classifier-training/torch";
import { expect } from "vitest";
import { checkOnnx, type Exportable, exportOnnx, GraphModule, readOnnxGraph, simplifyGraph } from "../src/index.ts";
import { inEvalMode, resize, run } from "../src/trace.ts";

/**
 * Reads an exported model back as a module: it computes what was exported, for two batch sizes, and can be exported again.
 * @param exports false where the indices in the graph depend on the batch in a way that a second recording does not see
 * @returns the module
 */
export async function checkReadBack(
  bytes: Uint8Array,
  inputs: readonly Tensor[],
  target: Exportable,
  { exports = true }: { readonly exports?: boolean } = {},
): Promise<GraphModule> {
  const network = new GraphModule(simplifyGraph(readOnnxGraph(bytes, "model.onnx"))).eval();
  const all = (...given: Tensor[]) => network.outputsOf(...given);
  const batch = inputs[0]?.shape[0] ?? 1;
  noGrad(() => {
    for (const size of [batch, batch + 1]) {
      const sized = inputs.map((input) => resize(input, 0, size));
      const result = inEvalMode(target, () => run(target, sized));
      const expected = result instanceof Tensor ? [result] : (Object.values(result as object) as Tensor[]);
      const actual = all(...sized);
      expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
      for (const [i, tensor] of expected.entries()) {
        const [a, b] = [actual[i] as Tensor, tensor].map((value) => value.to({ dtype: "float64" })) as [Tensor, Tensor];
        expect(a.allclose(b, { rtol: 1e-5, atol: 2e-5, equalNan: true }), `output ${i}`).toBe(true);
      }
    }
  });
  if (!exports) return network;
  const again = exportOnnx(all, inputs).bytes;
  await checkOnnx(again, inputs, all, { atol: 2e-5, rtol: 1e-5 });
  return network;
}
