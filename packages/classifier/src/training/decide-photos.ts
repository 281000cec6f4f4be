import { availableParallelism, totalmem } from "node:os";
import { relative, resolve } from "node:path";
import { CtError, getLogger, isMainProcess, plural } from "@classifier-training/base";
import { type DictConfig, type FirstLook, parseOverride, select, textOverride } from "@classifier-training/hydra";
import { noteDecisions, readDecisions, runPaths } from "@classifier-training/runs";
import { cudaIsAvailable, fused } from "@classifier-training/torch";
import { fetchWeights, listModels, modelDefinition, whyNotFetched } from "@classifier-training/vision";
import type { ClassificationDataModule, TrainingData } from "../data/classification-datamodule.ts";
import { buildDataModule } from "./components.ts";
import { composedLook } from "./composed-look.ts";
import { decisionTable } from "./decision-table.ts";
import { decideHead } from "./head-rules.ts";
import { measureSpeed, type Speed } from "./measure-speed.ts";
import { type Decision, decidePhotos, type Given, gmacs, type PhotoFacts } from "./photo-rules.ts";
import { asMaxTime, describeTime, parseTime, planBudget } from "./time-budget.ts";

const log = getLogger("classifier.train");

/** `classifier train PATH`, as far as it is not Hydra's. */
export interface PhotoCommand {
  readonly path: string;
  /** `20m`: how long the command may take. */
  readonly time: string | undefined;
  /** Whether the user names a root configuration: it decides all but the epochs that fit a time. */
  readonly hasOwnRoot: boolean;
}

/** What was decided, and the data that was opened for it: to open it again may take half a minute. */
export interface DecidedTraining {
  readonly overrides: readonly string[];
  readonly opened?: ClassificationDataModule;
}

/**
 * The overrides that `classifier train PATH` adds: what the rules decide of what the user's configuration leaves open. The
 * same command on the same data has the same ones again, though the machine or the clock would choose otherwise by now.
 */
export async function decideTraining(command: PhotoCommand, look: FirstLook): Promise<DecidedTraining> {
  const seconds = command.time === undefined ? undefined : parseTime(command.time);
  if (command.hasOwnRoot && seconds === undefined) return { overrides: [] };
  const user = composedLook(look);
  // Composing again to run says what is wrong.
  if (user === undefined || !isMainProcess()) return { overrides: [] };
  const opened = await buildDataModule(user, Number(select(user, "seed") ?? 42));
  const data = await opened.describeTraining();
  if (data === undefined) return { overrides: [], opened };
  return { overrides: await decideOverrides({ command, look, user, seconds, opened, data }), opened };
}

/** What a decision rests on. */
interface Question {
  readonly command: PhotoCommand;
  readonly look: FirstLook;
  /** The configuration without what is decided. */
  readonly user: DictConfig;
  readonly seconds: number | undefined;
  readonly opened: ClassificationDataModule;
  readonly data: TrainingData;
}

async function decideOverrides(question: Question): Promise<readonly string[]> {
  const { look } = question;
  const { folder, noted, isAnew } = memoryOf(question);
  const known = isAnew
    ? undefined
    : readDecisions(folder).find(({ command }) => JSON.stringify(command) === JSON.stringify(noted));
  if (known !== undefined) {
    if (look.willRun)
      log.info(decisionTable("As this command decided before (resume=false decides anew)", known.decisions));
    return asOverrides(known.decisions);
  }
  const { decisions, title } = await decide(question);
  if (look.willRun) {
    noteDecisions(folder, { command: noted, decisions: decisions.map((decision) => ({ ...decision })) });
    log.info(decisionTable(title, decisions));
  }
  return asOverrides(decisions);
}

/** Where the decisions of a command are noted, and under what. */
function memoryOf({ command: { path, time }, look, user, data }: Question) {
  const { samples, validationSamples, classes } = data;
  const words = look.overrides.filter((line) => !/^\+*(resume|data\.data_root)=/.test(line));
  return {
    folder: String(select(user, "callbacks.model_checkpoint.dirpath") ?? runPaths.checkpoints),
    isAnew: select(user, "resume") === false,
    noted: {
      data: relative(process.cwd(), resolve(path)) || ".",
      ...(time !== undefined && { time }),
      overrides: words,
      ...{ samples, validationSamples, classes },
    },
  };
}

interface Decided {
  readonly decisions: readonly Decision[];
  readonly title: string;
}

async function decide({ command, look, user, seconds, opened, data }: Question): Promise<Decided> {
  const given = command.hasOwnRoot ? givenByRoot(look, user) : givenBy(look, user);
  const network = String(given("model"));
  const weights = await weightsOf(network, given, look.willRun);
  const machine = {
    cores: availableParallelism(),
    memoryGb: totalmem() / 1e9,
    gpu: cudaIsAvailable() && select(user, "trainer.accelerator") !== "cpu",
    bfloat16: fused.multipliesBfloat16(),
  };
  const facts: PhotoFacts = { machine, data, weights };
  const photos = `${plural(data.samples, "photo")} of ${plural(data.classes, "class", "classes")}`;
  const inTime = (speed: Speed | undefined) => {
    if (seconds === undefined) return undefined;
    const guess = speed ?? { trainS: 0, validationS: 0, contention: 1 };
    return planBudget(seconds, performance.now() / 1000, guess, data);
  };
  if (given("model.freeze") === "features")
    return { decisions: decideHead(facts, given), title: `Chosen for ${photos}` };
  let rough = decidePhotos({ ...facts, seconds: inTime(undefined)?.epochsS }, given);
  if (!look.willRun) return { decisions: rough, title: "" };
  const settingIn = (decisions: readonly Decision[], key: string, otherwise: number) =>
    Number(decisions.find((one) => one.key === key)?.value ?? given(key) ?? otherwise);
  const sizeOf = (decisions: readonly Decision[]) => settingIn(decisions, "data.image_size", 224);
  const measure = (decisions: readonly Decision[]) => {
    const window = seconds === undefined ? 1 : Math.min(8, Math.max(2, seconds / 60));
    return measureSpeed(look.compose([...asOverrides(decisions), ...look.overrides]), window, opened);
  };
  log.info("measuring the speed of a training step ...");
  for (let round = 0; ; round++) {
    const size = sizeOf(rough);
    const speed = await measure(rough);
    const budget = inTime(speed);
    const measured: PhotoFacts = {
      ...facts,
      machine: {
        ...machine,
        gmacPerSecond: gmacs({ network, width: settingIn(rough, "model.width", 64) }, size) / speed.trainS,
      },
      seconds: budget?.epochsS,
    };
    // The second time, the size stays: its speed is known now.
    const pinned: Given = (key) => (key === "data.image_size" && round > 0 ? size : given(key));
    const decisions = decidePhotos(measured, pinned);
    if (round > 0) decisions.unshift(...rough.filter(({ key }) => key === "data.image_size"));
    if (budget !== undefined && sizeOf(decisions) !== size) {
      rough = decisions;
      continue;
    }
    if (budget !== undefined && given("trainer.max_time") === undefined)
      decisions.push({ key: "trainer.max_time", value: asMaxTime(budget.limitS), why: "" });
    return { decisions, title: `Chosen for ${photos}${estimate(decisions, speed, budget !== undefined)}` };
  }

  function estimate(decisions: readonly Decision[], { trainS, validationS }: Speed, isTimed: boolean): string {
    const epochs = settingIn(decisions, "trainer.max_epochs", 1);
    const every = settingIn(decisions, "trainer.check_val_every_n_epoch", 1);
    const whole = epochs * (data.samples * trainS + (data.validationSamples * validationS) / every) + 10;
    return isTimed ? `, in ${describeTime(seconds ?? whole)}` : `, about ${describeTime(whole)}`;
  }
}

/** Whether the network's published weights can be had; says so in a line where they cannot. */
async function weightsOf(network: string, given: Given, willRun: boolean): Promise<boolean> {
  const chosen = given("model.pretrained");
  if (chosen !== undefined) return chosen !== false;
  const url = listModels().includes(network) ? modelDefinition(network).weights.at(-1)?.url : undefined;
  if (url === undefined) return false;
  let reason = await whyNotFetched(url);
  if (reason === undefined && willRun) {
    try {
      await fetchWeights(url, { attempts: 1, stallMs: 5000 });
    } catch (error) {
      if (!CtError.is(error)) throw error;
      reason = "the download failed";
    }
  }
  if (reason !== undefined && willRun)
    log.info(`no published weights (${reason}): training with the recipe from scratch`);
  return reason === undefined;
}

/**
 * What the user's configuration says, by an override or by another group, of what the rules might decide: its value, null
 * for a part that is switched off; undefined for what it leaves as the photos' configuration has it.
 */
function givenBy(look: FirstLook, user: DictConfig): Given {
  const network = String(select(user, "hydra.runtime.choices.model") ?? "resnet18");
  const plain = look.compose([textOverride("data.data_root", "."), `model=${network}`]);
  const explicit = new Set(look.overrides.map((line) => parseOverride(line).keyOrGroup));
  return (key) => {
    if (key === "model") return network;
    // A file's weights are pretrained ones, whoever trained them.
    const isOfFile = ["model.weights", "model.path"].some((one) => (select(user, one) ?? null) !== null);
    if (key === "model.pretrained" && isOfFile && !explicit.has(key)) return true;
    const value = select(user, key);
    if (value === undefined || value === null)
      return select(plain, key) == null && !explicit.has(key) ? undefined : null;
    return explicit.has(key) || String(value) !== String(select(plain, key)) ? value : undefined;
  };
}

/** A user's own root says everything but how long a training with `time=` is. */
function givenByRoot(look: FirstLook, user: DictConfig): Given {
  const explicit = new Set(look.overrides.map((line) => parseOverride(line).keyOrGroup));
  return (key) => {
    const isOpen = ["trainer.max_epochs", "trainer.max_time"].includes(key) && !explicit.has(key);
    return isOpen ? undefined : (select(user, key === "model" ? "hydra.runtime.choices.model" : key) ?? null);
  };
}

/** A user's own root may not list these keys. */
function asOverrides(decisions: readonly { readonly key: string; readonly value: unknown }[]): string[] {
  return decisions.map(
    ({ key, value }) => `++${typeof value === "string" ? textOverride(key, value) : `${key}=${value}`}`,
  );
}
