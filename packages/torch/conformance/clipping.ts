import { nn, type Tensor, zerosLike } from "../src/index.ts";
import { fillFromText } from "./fill.ts";
import { compare, flatNumbers, recordedNumber, Section } from "./report.ts";

interface Recordings {
  readonly grads: readonly string[];
  readonly rows: readonly { norm_type: unknown; max_norm: number; total_norm: unknown; clipped: unknown }[];
}

/** Clipping by several norms: the norm before, and the gradients after. */
export function checkClipping(recordings: unknown): Section {
  const section = new Section("numerics.json clip_grad_norm");
  const { grads, rows } = recordings as Recordings;
  for (const { norm_type, max_norm, total_norm, clipped } of rows) {
    const normType = recordedNumber(norm_type);
    section.case(`norm ${normType}, at most ${max_norm}`, () => {
      const parameters = grads.map((text): Tensor => {
        const gradient = fillFromText(text);
        const parameter = zerosLike(gradient, { requiresGrad: true });
        parameter.grad = gradient;
        return parameter;
      });
      const norm = nn.utils.clipGradNorm_(parameters, max_norm, { normType });
      const after = parameters.flatMap((parameter) => parameter.grad?.toArray() ?? []);
      const tolerance = { relative: 1e-6, absolute: 0 };
      return [
        ...compare("total norm", [norm], [recordedNumber(total_norm)], tolerance),
        ...compare("gradient", after, flatNumbers(clipped), tolerance),
      ];
    });
  }
  return section;
}
