import { type Split, splitFolderNames, splitOf, splits } from "@classifier-training/base";
import { VisionError } from "../../errors.ts";
import type { OpenOptions, SplitOptions } from "../open/options.ts";
import type { Part, Recognized } from "../open/splits.ts";
import type { Edits } from "./edit-log.ts";
import { editNotices } from "./edit-notices.ts";
import { type EditedImages, editedDataset } from "./edited-dataset.ts";
import { type PlacedImage, type Pool, placeImages } from "./placed-images.ts";
import { openUnlisted } from "./unlisted-images.ts";

/**
 * The same data after the edits of a log: labels, classes, splits, images left out and added.
 * @param found with class folders without images among the classes
 */
export async function editData(found: Recognized, edits: Edits, options: OpenOptions): Promise<Recognized> {
  const byTask = new Map<SplitOptions["task"], Promise<EditedImages>>();
  const imagesFor = (task: SplitOptions["task"]) => {
    const known = byTask.get(task) ?? openEdited(found.parts, edits, options, task);
    byTask.set(task, known);
    return known;
  };
  const { byPart, pools, whyEmpty } = await imagesFor(options.task);
  const names = new Map(found.parts.map((part) => [keyOf(part), part.name]));
  const keys = new Set([...splits, ...names.keys()]);
  const always = new Set(found.parts.filter(({ split }) => split === undefined || split === "train").map(keyOf));
  // What was never there is not there without images; training images that are all gone are an error.
  const isThere = (key: string) =>
    always.has(key) || whyEmpty.has(key) || byPart.get(key)?.some(({ leftOut }) => leftOut === undefined);
  const parts = [...keys].filter(isThere).map((key): Part => {
    const split = splitOf(key);
    const name = names.get(key) ?? splitFolderNames[split as Split][0];
    return {
      name,
      split,
      open: async ({ classToIdx, task = options.task }) =>
        editedDataset(await imagesFor(task), key, { name, edits, classToIdx, task, allowEmpty: options.allowEmpty }),
    };
  });
  const assigned = new Map<string, Split>();
  const own = new Set<Split>();
  for (const { pool, index, part, isAssigned, leftOut } of [...byPart.values()].flat()) {
    const split = splitOf(part);
    if (leftOut !== undefined || split === undefined) continue;
    const { dataset, part: before } = pools[pool] as Pool;
    if (isAssigned) assigned.set(dataset.paths[index] as string, split);
    if (!isAssigned || before === part) own.add(split);
  }
  return { ...found, parts, edited: { assigned, own: [...own] } };
}

const keyOf = ({ split, name }: Part): string => split ?? name;

/** Opens all parts, and what edits add to them. */
async function openEdited(
  parts: readonly Part[],
  edits: Edits,
  { maxPixels, exifOrientation }: OpenOptions,
  task: SplitOptions["task"],
): Promise<EditedImages> {
  const pools: Pool[] = [];
  const whyEmpty = new Map<string, VisionError>();
  for (const part of parts) {
    try {
      pools.push({ dataset: await part.open({ task }), part: keyOf(part) });
    } catch (error) {
      if (!VisionError.is(error) || error.code !== "vision/split-empty") throw error;
      whyEmpty.set(keyOf(part), error);
    }
  }
  const { state } = edits;
  const known = new Set(pools.flatMap(({ dataset }) => dataset.paths.map((path) => edits.nameOf(path))));
  const labeled = [...state.labels].filter(([name, label]) => label !== null && !known.has(name));
  const others = new Set([...labeled.map(([name]) => name), ...state.added.keys()]);
  const rows = pools.flatMap(({ dataset }) => dataset.leftOut);
  const metadata = new Map(rows.flatMap(({ path, metadata: own }) => (own === undefined ? [] : [[path, own]])));
  const unlisted = await openUnlisted(edits, others, { maxPixels, exifOrientation }, metadata);
  for (const dataset of unlisted) if (dataset.length > 0) pools.push({ dataset, part: undefined });
  const { images, counts } = placeImages(edits, pools);
  const byPart = new Map<string, PlacedImage[]>();
  for (const image of images) {
    known.add(image.name);
    const own = byPart.get(image.part);
    if (own === undefined) byPart.set(image.part, [image]);
    else own.push(image);
  }
  const found = new Set(unlisted.flatMap(({ paths }) => paths));
  return { pools, byPart, found, whyEmpty, notices: editNotices(edits, counts, known) };
}
