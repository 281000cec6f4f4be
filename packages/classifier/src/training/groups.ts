import { CtError, suggestion, type Target } from "@classifier-training/base";
import {
  type ConfigIssue,
  DictConfig,
  isConfig,
  issueText,
  ListConfig,
  lookUpTarget,
  type Node,
  optionsIssues,
  originText,
  select,
  toYaml,
  update,
  ValueNode,
} from "@classifier-training/hydra";

/** The top-level groups that a training is made of, with the other names that public configurations give them. */
export const groups = {
  data: ["data", "datamodule"],
  model: ["model"],
  transforms: ["transforms"],
  callbacks: ["callbacks"],
  logging: ["logging", "logger"],
  trainer: ["trainer"],
} as const;

/** Parts of the model that public configurations have in groups of their own, beside it: the option, and its names. */
const modelParts: Readonly<Record<string, readonly string[]>> = {
  optimizer: ["optimizer"],
  scheduler: ["scheduler", "lr_scheduler"],
  loss: ["loss", "criterion", "loss_fn"],
};

/** What makes a trainer whose configuration does not say. */
export const trainerTargetName = "lightning.pytorch.Trainer";

const known: readonly string[] = Object.values(groups).flat();
const knownParts: readonly string[] = Object.values(modelParts).flat();

/** What `--info check` says beyond what each `_target_` shows by itself. */
export async function checkConfig(config: DictConfig): Promise<ConfigIssue[]> {
  const trainer = config.node("trainer");
  const options =
    trainer instanceof DictConfig && !trainer.has("_target_") ? await optionsIssues(trainer, trainerTargetName) : [];
  return [...options, ...unreadGroups(config)];
}

/** The options that a mapping of the product's own configs has, listed there or not. */
export async function optionsOf(mapping: DictConfig): Promise<readonly string[]> {
  const target = await targetOf(mapping);
  if (target !== undefined) return [...(target.optionNames ?? []), ...Object.keys(target.foreignOptions ?? {})];
  const { parent, key } = mapping;
  const outer = parent instanceof DictConfig ? await targetOf(parent) : undefined;
  return outer?.nestedNames?.(String(key)) ?? [];
}

async function targetOf(mapping: DictConfig): Promise<Target | undefined> {
  const node = mapping.node("_target_");
  const named = node instanceof ValueNode ? node.value : undefined;
  const name = named ?? (mapping.fullKey() === "trainer" ? trainerTargetName : undefined);
  return typeof name === "string" ? lookUpTarget(name) : undefined;
}

/** @throws CtError for a group of objects that nothing makes: most likely its name is misspelt */
export function refuseUnreadGroups(config: DictConfig): void {
  const issues = unreadGroups(config);
  if (issues.length === 0) return;
  throw new CtError({ code: "classifier/config", what: issues.map(issueText).join("\n") });
}

/** Top-level groups that hold a `_target_`, are not among those above, and to which no interpolation refers. */
function unreadGroups(config: DictConfig): ConfigIssue[] {
  const unread = [...config.nodes()].filter(
    (node) =>
      ![...known, ...knownParts].includes(String(node.key)) &&
      holdsTarget(node) &&
      !isReferredTo(config, String(node.key)),
  );
  return unread.map((node) => ({
    key: String(node.key),
    what: "nothing reads this group, which has a _target_",
    where: node.origin === undefined ? undefined : originText(node.origin),
    fix: suggestion(String(node.key), [...known, ...knownParts]),
  }));
}

function holdsTarget(node: Node): boolean {
  if (!isConfig(node)) return false;
  if (node instanceof DictConfig && node.has("_target_")) return true;
  return [...node.nodes()].some(holdsTarget);
}

function isReferredTo(config: DictConfig, key: string): boolean {
  const name = key.replace(/\W/g, "\\$&");
  const reference = new RegExp(`\\$\\{[^}]*(?<![\\w-])${name}(?![\\w-])`);
  const text = (node: Node) => (isConfig(node) ? toYaml(node) : String((node as ValueNode).value));
  return [...config.nodes()].some((node) => String(node.key) !== key && reference.test(text(node)));
}

/**
 * What the model's own mapping lacks of its parts: those in groups beside it, and `_partial_: true` where they are left
 * to be called with parameters or an optimizer later, as code that instantiates them itself has it.
 * @param model the mapping of the model
 * @throws CtError for a part that both have
 */
export function partsBesideModel(config: DictConfig, model: DictConfig): Record<string, DictConfig> {
  const parts: Record<string, DictConfig> = {};
  for (const [option, names] of Object.entries(modelParts)) {
    const inModel = names.filter((name) => isConfig(select(model, name)));
    const atTop = names.filter((name) => isConfig(select(config, name)) && !isReferredTo(config, name));
    const [first, second] = [...inModel.map((name) => `model.${name}`), ...atTop];
    if (second !== undefined) {
      throw new CtError({
        code: "classifier/config",
        what: `the configuration has both '${first}' and '${second}'`,
        where: second,
        fix: "leave out one of them",
      });
    }
    const [own] = inModel;
    const [beside] = atTop;
    const found = own === undefined ? beside && select(config, beside) : select(model, own);
    if (!(found instanceof DictConfig)) continue;
    const isComplete = option === "loss" || !lacksPartial(found);
    if (own !== undefined && isComplete) continue;
    const copy = found.copy();
    if (!isComplete) makePartial(copy);
    parts[own ?? option] = copy;
  }
  return parts;
}

/** A mapping that makes an object, or Lightning's description of a scheduler with one in it. */
function* madeBy(part: DictConfig): Generator<DictConfig> {
  if (part.has("_target_")) yield part;
  const inner = [part.node("scheduler"), ...(listOf(part.node("schedulers")) ?? [])];
  for (const node of inner) if (node instanceof DictConfig) yield* madeBy(node);
}

function listOf(node: Node | undefined): readonly Node[] | undefined {
  return node instanceof ListConfig ? [...node.nodes()] : undefined;
}

function lacksPartial(part: DictConfig): boolean {
  return [...madeBy(part)].some((made) => !made.has("_partial_"));
}

function makePartial(part: DictConfig): void {
  for (const made of madeBy(part)) if (!made.has("_partial_")) update(made, "_partial_", true, { forceAdd: true });
}
