import { plural } from "@classifier-training/base";
import type { TrainingData } from "../data/classification-datamodule.ts";

/** What the rules know: of the machine, the photos, the published weights and the clock. */
export interface PhotoFacts {
  readonly machine: {
    readonly cores: number;
    readonly memoryGb: number;
    readonly gpu: boolean;
    /** Whether a CPU multiplies in bfloat16. */
    readonly bfloat16: boolean;
    /** Measured: products (GMAC, of forward passes) that a second of training computes; undefined where nothing was. */
    readonly gmacPerSecond?: number | undefined;
  };
  readonly data: TrainingData;
  /** Whether the network's published weights can be had. */
  readonly weights: boolean;
  /** Seconds that the epochs may take; undefined without `time=`. */
  readonly seconds?: number | undefined;
}

export type DecidedValue = string | number | boolean;

/** A configuration key that a rule sets, and why. */
export interface Decision {
  readonly key: string;
  readonly value: DecidedValue;
  /** A few words: the table has 80 columns. Empty where it only follows from another decision: the table leaves it out. */
  readonly why: string;
}

/** What the user's configuration says of a key; undefined where a rule may decide. */
export type Given = (key: string) => unknown;

/** Products (GMAC) of a forward pass at 224 px, for networks whose cost is a figure of their papers. */
const gmacsAt224: Readonly<Record<string, number>> = {
  resnet18: 1.8,
  resnet34: 3.7,
  resnet50: 4.1,
  resnet101: 7.8,
  mobilenet_v2: 2.4,
  mobilenet_v3_small: 0.5,
  mobilenet_v3_large: 1.8,
  efficientnet_b0: 3.2,
  convnext_tiny: 4.5,
  vit_b_16: 17.6,
};

/** Of a network that is not listed. */
const otherGmacs = 5;

/** GMAC of training that a core computes in a second; depthwise networks are listed with the cost that this rate makes of them. */
const gmacPerCore = { bfloat16: 25, float32: 12 };
const gmacPerGpu = 4000;

/** Sizes of the input that are tried, the best first. */
export const inputSizes = [224, 192, 160, 128, 112, 96, 80, 64];

/** Validations of a whole training. */
const mostValidations = 30;

/** Seconds of a validation beside its forward passes: metrics, reports, a checkpoint. */
const validationS = 0.7;

/** From so many epochs on, photos are mixed: networks memorize what they see that often (docs/recipe-for-photos.md has figures). */
const repetition = 100;

/** From so many images on, in all epochs, there is time for strong augmentation: shorter trainings get worse by it. */
const strongVisits = 1_000_000;

/** How long a training takes at most where nobody says, by the rough figures above. */
const patienceS = 20 * 60;

/**
 * Chooses what trains photos well on this machine. What the user's configuration says is not decided, and what depends on
 * it follows: a given size of the images changes the epochs that fit, given epochs change the warm-up.
 */
export function decidePhotos(facts: PhotoFacts, given: Given): Decision[] {
  const { machine, data } = facts;
  const { decisions, set } = decider(given);
  const network = String(given("model") ?? "resnet18");
  const perClass = Math.round(data.samples / data.classes);
  const device = machine.gpu ? "a GPU" : plural(machine.cores, "core");

  const pretrained = set(
    "model.pretrained",
    facts.weights,
    facts.weights ? "published ImageNet weights" : "no published weights: from scratch",
  );
  const isPretrained = pretrained !== (false as DecidedValue);

  const batch = set("data.batch_size", batchSize(facts), `${data.samples} photos, ${device}`);
  const wanted = wantedEpochs(data.samples, isPretrained);
  const isNarrow = !isPretrained && !machine.gpu && /^resnet(18|34)$/.test(network) && data.samples < 50_000;
  // From scratch, epochs are worth more than channels (docs/train-from-scratch.md has figures).
  const width = isNarrow
    ? set("model.width", 32, "a third of the time of 64 channels")
    : Number(given("model.width") ?? 64);
  const net = { network, width };
  const size = set("data.image_size", ...imageSize(facts, net, isPretrained, wanted));
  if (network.startsWith("resnet") && size <= 48) set("model.stem", "small", `for images of ${size} px`);

  set("trainer.precision", ...precision(facts));
  set("data.num_workers", ...workers(facts));
  const bytes = data.samples * data.side * data.side * 1.4 * 3;
  if (bytes > machine.memoryGb * 1e9 * 0.25) set("data.use_cache", false, "decoded photos would fill the memory");

  const fitting = facts.seconds === undefined ? wanted : fittingEpochs(facts, net, size, facts.seconds);
  const most = mostEpochs(data.samples, isPretrained);
  const epochs = set(
    "trainer.max_epochs",
    validated(Math.max(1, Math.min(fitting, facts.seconds === undefined ? wanted : most))),
    epochsReason(facts, fitting, most, perClass),
  );
  if (facts.seconds !== undefined && given("trainer.max_epochs") === undefined && epochs < most)
    set("callbacks.fit_to_time.most_epochs", most, "");
  const every = validationInterval(epochs);
  if (every > 1) set("trainer.check_val_every_n_epoch", every, "validates often enough");

  const steps = epochs * Math.max(1, Math.ceil(data.samples / batch));
  const optimizer = String(given("model.optimizer._target_") ?? "AdamW")
    .split(".")
    .at(-1) as string;
  set("model.learning_rate", ...learningRate(network, optimizer, isPretrained, batch));
  // Of very few epochs, warm-up would be most of the training.
  const leastWarmup = epochs < 4 ? 0 : 1;
  const warmup = Math.min(5, Math.max(leastWarmup, Math.round(epochs * 0.08)));
  set("model.warmup_epochs", warmup, `of ${plural(epochs, "epoch")}`);
  set("transforms.flip", true, "mirrored, too; false for digits, text");
  if (epochs >= repetition) {
    const often = `each photo ${epochs} times`;
    set("transforms.mix", 1, `MixUp, CutMix: ${often}`);
    if (epochs * data.samples >= strongVisits) {
      set("transforms.trivial_augment", 1, `a long training: ${often}`);
      set("transforms.random_erasing", 0.1, "a long training");
    }
  }
  set("callbacks.ema.decay", emaDecay(steps), `averages the last part of ${plural(steps, "step")}`);

  correctRareClasses(facts, given, set);
  return decisions;
}

/** Takes the user's value of a key, or decides. */
export type SetValue = <T extends DecidedValue>(key: string, value: T, why: string) => T;

export function decider(given: Given): { readonly decisions: Decision[]; readonly set: SetValue } {
  const decisions: Decision[] = [];
  return {
    decisions,
    set: <T extends DecidedValue>(key: string, value: T, why: string): T => {
      const known = given(key);
      // A part that is switched off is null, and has no keys.
      if (known !== undefined) return (known ?? value) as T;
      decisions.push({ key, value, why });
      return value;
    },
  };
}

export function correctRareClasses({ data }: PhotoFacts, given: Given, set: SetValue): void {
  const ratio = data.largest / Math.max(1, data.smallest);
  // One correction for rare classes: a sampler or an adjustment of the logits is one.
  const isCorrected = Number(given("model.logit_adjustment") ?? 0) > 0 || isBalancing(given("data.sampler.mode"));
  if (ratio >= 4 && !isCorrected)
    set("data.class_weights", "effective", `classes of ${data.smallest} to ${data.largest} photos`);
}

/** Epochs between two validations: the last epoch, the best one, has to be validated. */
function validationInterval(epochs: number): number {
  const least = Math.ceil(epochs / mostValidations);
  for (let every = least; every <= 2 * least; every++) if (epochs % every === 0) return every;
  return 1;
}

/** Epochs that end with a validation. */
function validated(epochs: number): number {
  return epochs - (epochs % Math.ceil(epochs / mostValidations));
}

/** Small data has small batches: the network needs steps, too. */
function batchSize({ machine, data }: PhotoFacts): number {
  if (data.samples < 400) return 16;
  if (data.samples < 5000) return 32;
  return machine.gpu && data.samples >= 20_000 ? 128 : 64;
}

/** Two hundred thousand photos from scratch, thirty thousand from published weights, within bounds. */
function wantedEpochs(samples: number, isPretrained: boolean): number {
  const [photos, least, most] = isPretrained ? [30_000, 4, 40] : [200_000, 15, 200];
  return Math.round(Math.min(most, Math.max(least, photos / samples)));
}

/** More than this many epochs bring nothing. */
function mostEpochs(samples: number, isPretrained: boolean): number {
  return Math.round(wantedEpochs(samples, isPretrained) * 2.5);
}

/** The largest size that leaves time for epochs, and is not much larger than the photos. */
function imageSize(
  facts: PhotoFacts,
  network: Network,
  isPretrained: boolean,
  wanted: number,
): [size: number, why: string] {
  const { machine, data, seconds = patienceS } = facts;
  // A pretrained network gains from enlarged images; one from scratch does not.
  const useful = isPretrained ? data.side * 1.5 : data.side;
  const candidates = inputSizes.filter((size) => size <= Math.max(64, useful));
  const least = wanted * (seconds === patienceS ? 1 : 0.8);
  const fits = (size: number) => fittingEpochs(facts, network, size, seconds) >= least;
  // Tiny photos keep their pixels through the first layers, where that much work is done in time.
  const tiny = Math.max(32, Math.ceil(data.side / 8) * 8);
  if (!isPretrained && tiny <= 48 && network.network.startsWith("resnet") && (machine.gpu || fits(tiny)))
    return [tiny, `photos of ${data.side} px`];
  const size = machine.gpu ? candidates[0] : candidates.find(fits);
  const limit = size === candidates[0] ? `photos of ${data.side} px` : `${plural(machine.cores, "core")}, in time`;
  return [size ?? 64, size === undefined ? "the smallest, for the time" : limit];
}

/** How many epochs, with their validations, fit into some seconds. */
function fittingEpochs(facts: PhotoFacts, network: Network, size: number, seconds: number): number {
  const { data } = facts;
  const perSample = secondsPerSample(facts, network, size);
  const training = data.samples * perSample;
  // A forward pass is a third of a step.
  const validation = (data.validationSamples * perSample) / 3 + validationS;
  const few = seconds / (training + validation);
  return Math.floor(
    few <= mostValidations ? few : Math.max(mostValidations, (seconds - mostValidations * validation) / training),
  );
}

/** Seconds that a training step takes for each of its images. */
function secondsPerSample({ machine }: PhotoFacts, network: Network, size: number): number {
  const perCore = machine.bfloat16 ? gmacPerCore.bfloat16 : gmacPerCore.float32;
  const rate = machine.gmacPerSecond ?? (machine.gpu ? gmacPerGpu : perCore * machine.cores);
  return gmacs(network, size) / rate;
}

/** What the cost of a network hangs on, beside the size of its input. */
export interface Network {
  readonly network: string;
  readonly width: number;
}

/** Products (GMAC) of a forward pass. @param size of the input, in pixels */
export function gmacs({ network, width }: Network, size: number): number {
  // The small stem keeps 4 x 4 times as many pixels.
  const pixels = (size / 224) ** 2 * (network.startsWith("resnet") && size <= 48 ? 16 : 1);
  // Half the channels have a quarter of the products, and less than that is saved.
  return (gmacsAt224[network] ?? otherGmacs) * pixels * (width / 64) ** 1.6;
}

function precision({ machine }: PhotoFacts): [string, string] {
  if (machine.gpu) return ["16-mixed", "the GPU"];
  if (machine.bfloat16) return ["bf16-mixed", "this CPU multiplies in bfloat16"];
  return ["32-true", "this CPU has no bfloat16 units"];
}

/** A busy loader takes a core from the training step: on few cores there is one. */
export function workers({ machine }: PhotoFacts): [number, string] {
  const { cores, gpu } = machine;
  const count = cores === 1 ? 0 : gpu ? Math.min(8, cores - 1) : Math.max(1, Math.floor(cores / 4));
  return [count, `${plural(cores, "core")}${gpu ? " beside the GPU" : ""}`];
}

function epochsReason({ seconds }: PhotoFacts, fitting: number, most: number, perClass: number): string {
  if (seconds === undefined) return `${perClass} photos a class`;
  return fitting >= most ? "more bring nothing" : "what fits the time";
}

function isBalancing(mode: unknown): boolean {
  return mode === "auto" || mode === "manual";
}

/** Rates at batches of 64: from scratch, and from published weights. */
interface Rates {
  readonly scratch: number;
  readonly pretrained: number;
  /** The rate grows with this power of the batch. */
  readonly power: number;
}

/** AdamW's and those of its kind, by the square root of the batch. */
const adaptive: Rates = { scratch: 2e-3, pretrained: 5e-4, power: 0.5 };

/** Optimizers whose rates are of another size. */
const otherRates: Readonly<Record<string, Rates>> = {
  // 0.1 for batches of 256 from scratch (Goyal et al. 2017), a hundredth at 64 for fine-tuning (Kornblith et al. 2019).
  SGD: { scratch: 0.025, pretrained: 0.01, power: 1 },
  ASGD: { scratch: 0.025, pretrained: 0.01, power: 1 },
  // A step is the sign of the gradient: a third to a tenth of AdamW's (Chen et al. 2023).
  Lion: { scratch: 3e-4, pretrained: 1e-4, power: 0.5 },
  // Their papers' own units, whatever the batch.
  Adadelta: { scratch: 1, pretrained: 1, power: 0 },
  Adagrad: { scratch: 0.01, pretrained: 0.01, power: 0 },
  Rprop: { scratch: 1e-3, pretrained: 1e-4, power: 0 },
};

/** Transformers take less. */
function learningRate(network: string, optimizer: string, isPretrained: boolean, batch: number): [number, string] {
  const { scratch, pretrained, power } = otherRates[optimizer] ?? adaptive;
  const isTransformer = /^(vit|swin|deit|dinov2|convnext|maxvit)/.test(network);
  const at64 = isPretrained ? pretrained / (isTransformer ? 5 : 1) : scratch / (isTransformer ? 4 : 1);
  const rate = Number((at64 * (batch / 64) ** power).toPrecision(2));
  return [rate, `${optimizer}, batches of ${batch}`];
}

/** A window of a twentieth of the steps. */
function emaDecay(steps: number): number {
  return Number(Math.min(0.9999, Math.max(0.9, 1 - 20 / steps)).toFixed(4));
}
