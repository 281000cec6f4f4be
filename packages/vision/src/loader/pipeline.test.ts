import { Compose, Normalize, type Transform, targets } from "@classifier-training/image";
import { expect, test } from "vitest";
import { planPipeline } from "./pipeline.ts";

test.each([[["ToTensor"]], [["PILToTensor", "ConvertImageDtype"]]])(
  "%j before Normalize is done for the whole batch",
  (names) => {
    const steps = names.map((name) => targets[`torchvision.transforms.${name}`]?.invoke([], {}) as Transform);
    const transform = Compose({ transforms: [...steps, Normalize({ mean: [0.5], std: [0.5] })] });
    expect(planPipeline(transform)).toEqual({ perImage: [], tail: { normalize: { mean: [0.5], std: [0.5] } } });
  },
);
