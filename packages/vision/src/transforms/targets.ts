import { optionsTarget, type Target, type TargetTable } from "@classifier-training/base";
import { CutMix } from "./cut-mix.ts";
import { MixUp, mixUpOptions } from "./mix-up.ts";
import { type AnyTransformFactory, transforms } from "./registry.ts";

/** A configuration's keywords, checked by the transform itself, so that its errors name the transform. */
function targetOf(factory: AnyTransformFactory): Target {
  const schema = { shape: factory.schema.shape, parse: (value: unknown) => value };
  return optionsTarget(schema, (options) => factory.build(options, "snake_case"));
}

/** The transforms under their dotted names in the Python stack. */
export const transformTargets: TargetTable = {
  "torchvision.transforms.v2.MixUp": optionsTarget(mixUpOptions, (options) => new MixUp(options)),
  "torchvision.transforms.v2.CutMix": optionsTarget(mixUpOptions, (options) => new CutMix(options)),
  ...Object.fromEntries(
    transforms.flatMap((factory) => {
      const target = targetOf(factory);
      const name = factory.transformName;
      if (factory.namespace === "classifier_training") return [[`classifier_training.transforms.${name}`, target]];
      return [
        [`torchvision.transforms.v2.${name}`, target],
        [`torchvision.transforms.${name}`, target],
      ];
    }),
  ),
};
