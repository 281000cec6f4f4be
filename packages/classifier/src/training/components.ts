import { CtError, getLogger, suggestion } from "@classifier-training/base";
import { DictConfig, get, instantiate, isConfig, lookUpTarget, select } from "@classifier-training/hydra";
import type { Callback, Logger } from "@classifier-training/lightning";
import { listModels, modelDefinition } from "@classifier-training/vision";
import { ClassificationDataModule } from "../data/classification-datamodule.ts";
import { classificationModelTarget } from "../model/build.ts";
import { ClassificationModel } from "../model/classification-model.ts";
import { checkImageSize } from "../model/recipe.ts";
import { mainMetrics } from "../model/split-metrics.ts";
import { asClassificationModel } from "./described-model.ts";
import { groups, partsBesideModel, refuseUnreadGroups } from "./groups.ts";
import { storedNetwork } from "./stored-network.ts";

const log = getLogger("classifier.train");

type Part = readonly [name: string, config: DictConfig];

/** The parts of a group (a mapping, a list, or a single part) that are switched on: not null, and with a `_target_`. */
function parts(config: DictConfig, group: string): Part[] {
  const node = select(config, group);
  // Lightning's `logger: false`, say.
  if (!isConfig(node)) return [];
  if (node instanceof DictConfig && node.has("_target_")) return [[group, node]];
  const entries = [...node.nodes()].map(({ key }) => [String(key), select(node, String(key))] as const);
  return entries.flatMap(([name, part]): Part[] => {
    if (part === null) return [];
    if (part instanceof DictConfig && part.has("_target_")) return [[`${group}.${name}`, part]];
    log.warning(`${group}.${name} is skipped: it has no _target_ (${suggestion(name, others(name))})`);
    return [];
  });

  function others(name: string): string[] {
    return entries.map(([other]) => other).filter((other) => other !== name);
  }
}

/** The loggers, under the names that public configurations give their group. */
const loggerParts = (config: DictConfig) =>
  [...groups.logging, "trainer.logger"].flatMap((group) => parts(config, group));

/** Whether the configuration has a logger. */
export function hasLoggers(config: DictConfig): boolean {
  return loggerParts(config).length > 0;
}

export async function buildLoggers(config: DictConfig): Promise<Logger[]> {
  const loggers: Logger[] = [];
  for (const [, part] of loggerParts(config)) loggers.push((await instantiate(part)) as Logger);
  return loggers;
}

/** @param main the main metric of the model's task, `acc_top1` or `mAP`: it stands for that of another task */
export async function buildCallbacks(
  config: DictConfig,
  hasLogger: boolean,
  main: string = mainMetrics.multiclass,
): Promise<Callback[]> {
  const callbacks: Callback[] = [];
  for (const [name, part] of ["trainer.callbacks", "callbacks"].flatMap((group) => parts(config, group))) {
    if (!hasLogger && String(get(part, "_target_")).endsWith(".LearningRateMonitor")) {
      log.detail(`${name} (LearningRateMonitor) is skipped: no logger is configured`);
      continue;
    }
    callbacks.push((await instantiate(part, renamedMetrics(name, part, main))) as Callback);
  }
  return callbacks;
}

/** Options that name the main metric of another task, with that of this one: configurations are written for both. */
function renamedMetrics(callback: string, part: DictConfig, main: string): Record<string, string> {
  const others = Object.values(mainMetrics).filter((name) => name !== main);
  const label = (name: string) => `val_${name.replace(/_top1$/, "")}`;
  const renamed = (text: string) =>
    others.reduce(
      (changed, other) =>
        changed
          .replaceAll(`${label(other)}={val/${other}`, `${label(main)}={val/${main}`)
          .replaceAll(`val/${other}`, `val/${main}`),
      text,
    );
  const changes = ["monitor", "filename"].flatMap((option): [string, string][] => {
    const value: unknown = part.has(option) ? get(part, option, null) : null;
    return typeof value === "string" && renamed(value) !== value ? [[option, renamed(value)]] : [];
  });
  if (changes.length > 0) log.detail(`${callback}: ${changes.map((change) => change.join("=")).join(", ")}`);
  return Object.fromEntries(changes);
}

/** The data module with its transforms, before `setup`. */
export async function buildDataModule(config: DictConfig, seed: number): Promise<ClassificationDataModule> {
  refuseUnreadGroups(config);
  const transforms: Record<string, unknown> = {};
  const [key, node] = required(config, groups.data);
  const names = ["train_transforms", "val_transforms", "test_transforms"];
  // MixUp and the like are also an option of the data, which goes first.
  if (get(node, "batch_transform", null) === null) names.push("batch_transform");
  for (const name of names) {
    const given = select(config, `transforms.${name}`);
    if (given !== null && given !== undefined) transforms[name] = await instantiate(given as DictConfig);
  }
  const data = await instantiate(node, { ...transforms, ...((await takesSeed(node)) && { seed }) });
  if (data instanceof ClassificationDataModule) return data;
  throw wrongKind(key, "ClassificationDataModule", "classifier_training.data.datamodule.ImageFolderDataModule");
}

async function takesSeed(node: DictConfig): Promise<boolean> {
  const name = get(node, "_target_", null);
  const target = typeof name === "string" ? await lookUpTarget(name) : undefined;
  return target?.optionNames === undefined || target.optionNames.includes("seed");
}

/**
 * Before data is prepared, which may take minutes: the package that a network's weights come from is installed.
 * @throws CtError with the command that installs it
 */
export function requireWeights(config: DictConfig): void {
  const [, node] = required(config, groups.model);
  const network = String(get(node, "network", null));
  const isOwn = get(node, "pretrained", true) === true && get(node, "weights", null) === null;
  if (isOwn && listModels().includes(network)) modelDefinition(network).ownWeights?.path();
}

/**
 * The model, with the task, the number of classes and the image size of the data.
 * @param how untrained: without the weights that the configuration names, for a checkpoint's; checkpoints: where the network
 *   of a model file is, too
 * @throws CtError when the configuration names another number of classes, or images that the network cannot take
 */
export async function buildModel(
  config: DictConfig,
  { numClasses, task, imageSize }: Pick<ClassificationDataModule, "numClasses" | "task" | "imageSize">,
  {
    untrained = false,
    checkpoints = [],
  }: { readonly untrained?: boolean; readonly checkpoints?: readonly string[] } = {},
): Promise<ClassificationModel> {
  const given = await asClassificationModel(required(config, groups.model)[1]);
  const stored = storedNetwork(given, checkpoints);
  const node = stored?.node ?? given;
  const givenClasses = get(node, "num_classes", null);
  if (givenClasses !== null && givenClasses !== numClasses) {
    throw new CtError({
      code: "classifier/num-classes",
      what: `model.num_classes is ${String(givenClasses)}, but the data has ${numClasses} classes`,
      where: "model.num_classes",
      fix: "leave it out (the data knows), or point data.data_root at the data that the number belongs to",
    });
  }
  const givenTask = get(node, "task", null);
  if (givenTask !== null && givenTask !== task) {
    throw new CtError({
      code: "classifier/task",
      what: `model.task is ${String(givenTask)}, but the data is ${task}`,
      where: "model.task",
      fix: "leave it out (the data knows), or set data.task",
    });
  }
  const network = get(node, "network", null);
  // A network that is not in the zoo is refused by its target.
  const definition = listModels().includes(String(network)) ? modelDefinition(String(network)) : undefined;
  const size = get(node, "image_size", null) ?? get(node, "img_size", null);
  if (definition !== undefined && size === null) checkImageSize(definition, imageSize);
  const model = await instantiate(node, {
    ...partsBesideModel(config, node),
    ...(untrained && { pretrained: false, ...(get(node, "weights", null) !== null && { weights: null }) }),
    ...(definition?.patchSize !== undefined && size === null && { image_size: imageSize }),
    ...(stored !== undefined && { net: stored.network }),
    num_classes: numClasses,
    ...(task === "multilabel" && { task }),
  });
  if (model instanceof ClassificationModel) {
    if (stored !== undefined) model.storedIn = stored.checkpoint;
    if (stored !== undefined) model.preprocessing = stored.preprocessing;
    return model;
  }
  throw wrongKind("model", "ClassificationModel", classificationModelTarget);
}

function required(config: DictConfig, names: readonly string[]): [key: string, node: DictConfig] {
  const found = names.flatMap((name): [string, DictConfig][] => {
    const node = select(config, name);
    return node === null || node === undefined ? [] : [[name, node as DictConfig]];
  });
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const [key = ""] = names;
  throw new CtError({
    code: "classifier/config",
    what:
      first === undefined
        ? `the configuration has no '${key}'`
        : `the configuration has both '${names.join("' and '")}'`,
    where: key,
    fix: first === undefined ? `choose one in the defaults list, or with +${key}=NAME` : "leave out one of them",
  });
}

function wrongKind(key: string, expected: string, example: string): CtError {
  return new CtError({
    code: "classifier/config",
    what: `${key}._target_ did not make a ${expected}`,
    where: `${key}._target_`,
    fix: `name ${example}, or a custom class that extends ${expected}`,
  });
}
