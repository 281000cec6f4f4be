import { optionsTarget, refusedTarget, type Target, type TargetTable } from "@classifier-training/base";
import { z } from "zod";
import { interpolations } from "../functional/resize.ts";
import { CutMix } from "./cut-mix.ts";
import { MixUp, mixUpOptions } from "./mix-up.ts";
import { interpolationNamed } from "./options.ts";
import { type AnyTransformFactory, transforms } from "./registry.ts";

/** A configuration's keywords, checked by the transform itself, so that its errors name the transform. */
function targetOf(factory: AnyTransformFactory): Target {
  const schema = { shape: factory.schema.shape, parse: (value: unknown) => value };
  return optionsTarget(schema, (options) => factory.build(options, "snake_case"));
}

const interpolationMode = optionsTarget(
  z.strictObject({ value: z.preprocess(interpolationNamed, z.enum(interpolations)) }),
  ({ value }) => value,
);

/** Names of torchvision that cannot be used here. */
const refused: Readonly<Record<string, Target>> = {
  Lambda: refusedTarget(
    "Lambda runs a Python function",
    "write the transform in TypeScript and name it: _target_: ./my-transform.ts#MyTransform (docs/extend.md)",
  ),
  LinearTransformation: refusedTarget(
    "LinearTransformation multiplies by a matrix of Python's torch",
    "use Normalize, or write the transform in TypeScript (docs/extend.md)",
  ),
  FiveCrop: severalImages("FiveCrop", "fiveCrop"),
  TenCrop: severalImages("TenCrop", "tenCrop"),
};

function severalImages(name: string, inTypeScript: string): Target {
  return refusedTarget(
    `${name} makes several images of one, and a sample has one here`,
    `use CenterCrop; in TypeScript, functional.${inTypeScript} gives the crops`,
  );
}

const namespaces = ["torchvision.transforms.v2", "torchvision.transforms"];

/** The transforms under their dotted names in the Python stack. */
export const transformTargets: TargetTable = {
  "torchvision.transforms.v2.MixUp": optionsTarget(mixUpOptions, (options) => new MixUp(options)),
  "torchvision.transforms.v2.CutMix": optionsTarget(mixUpOptions, (options) => new CutMix(options)),
  ...Object.fromEntries(
    [...namespaces, "torchvision.transforms.functional"].map((space) => [
      `${space}.InterpolationMode`,
      interpolationMode,
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(refused).flatMap(([name, target]) => namespaces.map((space) => [`${space}.${name}`, target])),
  ),
  ...Object.fromEntries(
    transforms.flatMap((factory) => {
      const target = targetOf(factory);
      const name = factory.transformName;
      if (factory.namespace === "classifier_training") return [[`classifier_training.transforms.${name}`, target]];
      return namespaces.map((space) => [`${space}.${name}`, target]);
    }),
  ),
};
