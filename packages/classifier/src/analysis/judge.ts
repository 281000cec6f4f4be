import { CtError, displayPath, getLogger, plural } from "@classifier-training/base";
import type { Judges } from "@classifier-training/runs";
import type { HeldOutImage, JudgingNetwork, Opinion } from "../evaluation/held-out.ts";
import type { LabeledData, LabeledImage } from "./labeled-data.ts";
import { type Network, openNetwork } from "./network.ts";

const log = getLogger("classifier.data");

export interface JudgedImage extends LabeledImage, HeldOutImage {}

export interface NamedNetwork extends JudgingNetwork {
  readonly name: string;
}

export interface JudgedData {
  readonly images: readonly JudgedImage[];
  readonly networks: readonly NamedNetwork[];
  readonly judges: Judges;
}

/**
 * What networks say of the images that they were not trained on: by the split that a run has recorded, whose images are
 * known by their content; without one by the data's own; published weights and runs on other data have seen none.
 * @param options `alsoSeen`: all images, also those that the networks were trained on
 * @throws CtError where nothing says what a network has seen, or no image is left
 */
export async function judgeData(
  data: LabeledData,
  models: readonly string[],
  { alsoSeen = false }: { readonly alsoSeen?: boolean } = {},
): Promise<JudgedData> {
  const opinions = data.images.map((): Opinion[] => []);
  const networks: NamedNetwork[] = [];
  for (const [k, name] of models.entries()) {
    const network = await openNetwork(name);
    try {
      const seen = alsoSeen ? data.images.map(() => false) : seenBy(network, data);
      const unseen = [...seen.keys()].filter((i) => seen[i] === false);
      const prefix = models.length > 1 ? `features (model ${k + 1} of ${models.length})` : "features";
      const images = unseen.map((i) => data.images[i] as LabeledImage);
      for (const [j, row] of (await network.describe(images, prefix)).entries())
        if (row !== undefined) opinions[unseen[j] as number]?.push({ ...row, network: k });
      networks.push({ name, classNames: network.classNames, trainedOn: seen.length - unseen.length });
    } finally {
      await network.close();
    }
  }
  const known = new Set(networks.flatMap(({ classNames }) => classNames ?? []));
  const knowsAll = networks.some(({ classNames }) => classNames === undefined);
  const heard = data.images.map((image, i): JudgedImage => ({ ...image, opinions: opinions[i] as Opinion[] }));
  const images = heard.filter(({ opinions: own }) => own.length > 0);
  const foreign = new Set(images.map(({ label }) => label).filter((label) => !knowsAll && !known.has(label)));
  if (foreign.size > 0)
    log.warning(
      `the models do not know ${plural(foreign.size, "class", "classes")}: ${[...foreign].slice(0, 5).join(", ")}`,
    );
  const judged = images.filter(({ label }) => !foreign.has(label));
  if (judged.length === 0) throw nothingLeft(data, models);
  const judges = judgesOf(data, networks, judged.length);
  const all = `${plural(judged.length, "image")}, also those that the network was trained on`;
  return { images: judged, networks, judges: alsoSeen ? { ...judges, by: "held_out", note: all } : judges };
}

/** Of each image, whether a network was trained on it. */
function seenBy({ name, isForeign, record }: Network, { images, isSplit }: LabeledData): boolean[] {
  if (isForeign) return images.map(() => false);
  if (record !== undefined) {
    const trained = new Set(record.samples.filter(({ split }) => split === "train").map(({ content }) => content));
    return images.map(({ content }) => trained.has(content));
  }
  if (isSplit) return images.map(({ split }) => split === "train");
  throw new CtError({
    code: "data/unseen",
    what: "nothing says which of the images the network was trained on",
    where: name,
    fix: "give the directory of a run that split these images, or leave out --model",
  });
}

function judgesOf({ images }: LabeledData, networks: readonly NamedNetwork[], judged: number): Judges {
  const models = networks.map(({ name }) => name);
  const leftOut = images.length - judged;
  const isUnseen = networks.every(({ trainedOn }) => trainedOn === 0);
  const by = isUnseen ? "unseen" : networks.length > 1 ? "folds" : "held_out";
  const [first = ""] = models;
  const notes = {
    unseen: `judged by ${models.length > 1 ? `${models.length} networks` : displayName(first)}, trained on other images`,
    folds: `each judged by those of ${networks.length} runs that were not trained on it`,
    held_out: "judged by a run that was not trained on them",
  };
  const rest =
    leftOut === 0 ? "" : `; ${plural(leftOut, "other")} left out: trained on, unreadable or of other classes`;
  const note = `${plural(judged, "image")}, ${notes[by]}${rest}`;
  return { by, models, images: judged, leftOut, note };
}

function displayName(model: string): string {
  return model.includes("/") ? displayPath(model) : model;
}

function nothingLeft({ root, images }: LabeledData, models: readonly string[]): CtError {
  return new CtError({
    code: "data/unseen",
    what: `the ${models.length > 1 ? "networks were" : "network was"} trained on all of ${plural(images.length, "image")}: what it says of them proves nothing`,
    where: root,
    fix: "leave out --model: folds are trained for this",
  });
}

/** How to have all images judged, where a run was trained on most of them. */
export function howToCover({ by, leftOut }: Judges, path: string): string | undefined {
  if (by !== "held_out" || leftOut === 0) return undefined;
  return `For all images leave out --model, or give the runs of all folds:\n  classifier train -m ${path} data.folds=5 data.fold=0,1,2,3,4`;
}
