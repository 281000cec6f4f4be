import { optionsTarget, refusedTarget, type Target, type TargetTable } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { interpolations } from "./functional/resize.ts";
import { autoAugmentPolicyOption } from "./transforms/auto-augment.ts";
import { interpolationNamed } from "./transforms/options.ts";
import { type AnyTransformFactory, transforms } from "./transforms/registry.ts";

/** A configuration's keywords, checked by the transform itself, so that its errors name the transform. */
function targetOf(factory: AnyTransformFactory): Target {
  const unchecked = { shape: factory.schema.shape, safeParse: (data: unknown) => ({ success: true as const, data }) };
  return optionsTarget(unchecked, (options) => factory.build(options));
}

/** An enum of torchvision: called with a value, or named with a member. */
function enumTargets(name: string, option: z.ZodType, members: readonly string[]): [string, Target][] {
  const whole = optionsTarget(z.strictObject({ value: option }), ({ value }) => value);
  const ofMembers = members.map((member): [string, Target] => [
    `${name}.${member.toUpperCase().replace("-", "_")}`,
    { optionNames: [], invoke: () => member },
  ]);
  return [[name, whole], ...ofMembers];
}

const enums = [
  ...enumTargets("InterpolationMode", z.preprocess(interpolationNamed, z.enum(interpolations)), interpolations),
  ...enumTargets("AutoAugmentPolicy", autoAugmentPolicyOption, ["imagenet", "cifar10", "svhn"]),
];

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

/** Where torchvision's names are found: the packages, and the module of the first version that defines most of them. */
const namespaces = ["torchvision.transforms.v2", "torchvision.transforms", "torchvision.transforms.transforms"];
const automatic = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"];

function named(name: string, target: Target): [string, Target][] {
  const [first = ""] = name.split(".");
  const spaces = automatic.includes(first) ? [...namespaces, "torchvision.transforms.autoaugment"] : [...namespaces];
  if (first === "InterpolationMode") spaces.push("torchvision.transforms.functional");
  return spaces.map((space) => [`${space}.${name}`, target]);
}

/** The transforms under their dotted names in the Python stack. */
export const targets: TargetTable = Object.fromEntries([
  ...enums.flatMap(([name, target]) => named(name, target)),
  ...Object.entries(refused).flatMap(([name, target]) => named(name, target)),
  ...transforms.flatMap((factory): [string, Target][] => {
    const name = factory.transformName;
    const target = targetOf(factory);
    const isOwn = factory.namespace === "classifier_training";
    return isOwn ? [[`classifier_training.transforms.${name}`, target]] : named(name, target);
  }),
]);
