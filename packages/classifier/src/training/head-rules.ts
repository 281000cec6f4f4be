import { plural } from "@classifier-training/base";
import {
  correctRareClasses,
  type Decision,
  decider,
  type Given,
  inputSizes,
  type PhotoFacts,
  workers,
} from "./photo-rules.ts";

/** Steps of a training of the head: more bring nothing. */
const steps = 3000;
const mostEpochs = 100;
const validations = 10;

/** Chooses what trains the head alone on features (`model.freeze=features`): the images are computed once, a step takes no time. */
export function decideHead(facts: PhotoFacts, given: Given): Decision[] {
  const { data, machine } = facts;
  const { decisions, set } = decider(given);
  set("model.pretrained", facts.weights, facts.weights ? "published weights" : "no published weights: random features");
  const batch = set("data.batch_size", 32, "of features");
  const size = inputSizes.find((side) => side <= data.side * 1.5) ?? 64;
  set("data.image_size", size, `photos of ${data.side} px`);
  set("trainer.precision", "32-true", "a linear head");
  set("data.num_workers", ...workers(facts));
  set("data.use_cache", false, "each photo is read once");
  const perEpoch = Math.max(1, Math.ceil(data.samples / batch));
  const few = Math.max(4, Math.min(mostEpochs, Math.round(steps / perEpoch)));
  const every = Math.max(1, Math.floor(few / validations));
  const epochs = set("trainer.max_epochs", few - (few % every), `${plural(few * perEpoch, "step")} of the head`);
  if (epochs % every === 0 && every > 1) set("trainer.check_val_every_n_epoch", every, "validates often enough");
  set("model.learning_rate", 0.003, "a linear head");
  set("model.warmup_epochs", 1, `of ${plural(epochs, "epoch")}`);
  set(
    "callbacks.ema.decay",
    Number(Math.min(0.999, Math.max(0.9, 1 - 20 / (epochs * perEpoch))).toFixed(4)),
    "averages the last steps",
  );
  correctRareClasses({ data, machine, weights: facts.weights }, given, set);
  return decisions;
}
