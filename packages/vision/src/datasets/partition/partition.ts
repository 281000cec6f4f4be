import { Rng } from "@classifier-training/base";
import { Balance } from "./balance.ts";
import type { Units } from "./units.ts";

/** The labels of images that are to be partitioned. */
export interface StratifyBy {
  /** The label set of each image, by index into `sets`; where each image has one label, its class. */
  readonly setOf: Int32Array;
  /** Class indices of each label set; an image without a label has an empty one. */
  readonly sets: readonly (readonly number[])[];
  /** What a label set is called: it decides how its fractions of an image are rounded. */
  readonly nameOf: (set: number) => string;
}

/** A part of the images. */
export interface Part {
  /** 0 to 1; those of all parts sum to 1. */
  readonly fraction: number;
  /** Images that a class with enough images has in it at least. */
  readonly atLeast?: number;
}

/** Images of a class that is too small to be split. */
const tooFew = 2;
/** The part of images that are not split: of classes that are too small, or one unit. */
export const unsplit = -1;
/** In place of the part of units that are assigned to none. */
export const free = -2;

/**
 * Partitions images into parts, stratified by class, such that units stay together.
 *
 * The units of each class (of each label set, where images have several) stand in a line by their order, and the line is
 * cut at the fractions: a class has its fraction of each part to within one image (or one unit of duplicates), and an image
 * that is added moves at most one other of its class across each cut, and none of another class. Before, units with several
 * label sets, or at least half as large as what a class should have in a part (groups), go where they make the squared
 * relative deviation from the wanted counts smallest, the largest first. After, so do images of rare label sets, those of the
 * rarest label first (as in iterative stratification, Sechidis et al. 2011).
 *
 * Units that are assigned to a part count as a fraction of it that is there already.
 *
 * @param assigned the part of each unit that is assigned to one (or to none: `unsplit`), and `free` of the others
 * @returns the part of each image, or `unsplit`
 */
export function partition(
  units: Units,
  { setOf, sets, nameOf }: StratifyBy,
  parts: readonly Part[],
  assigned: Int16Array = new Int16Array(units.count).fill(free),
): Int16Array {
  const fractions = parts.map(({ fraction }) => fraction);
  const smallest = Math.min(...fractions.filter((fraction) => fraction > 0));
  const labels = labelsOf(sets);
  const fixed = unitsInOnePart(units, setOf, labels);
  for (const [unit, part] of assigned.entries()) if (part !== free) fixed[unit] = Number(part === unsplit);
  const inSet = new Float64Array(sets.length);
  const withLabel = new Float64Array(labels.count);
  for (const [i, set] of setOf.entries()) {
    if (fixed[units.of[i] as number]) continue;
    inSet[set]!++;
    for (const label of labels.of(set)) withLabel[label]!++;
  }
  const balance = new Balance(fractions, withLabel);
  const partOf = new Int16Array(units.count).fill(unsplit);
  const countsOf = (unit: number) => {
    const counts = new Map<number, number>();
    for (const i of membersOf(units, unit))
      for (const label of labels.of(setOf[i] as number)) counts.set(label, (counts.get(label) ?? 0) + 1);
    return counts;
  };
  const place = (unit: number, part: number, counts = countsOf(unit)) => {
    partOf[unit] = part;
    balance.add(part, counts);
  };
  const placeWell = (unit: number) => {
    const counts = countsOf(unit);
    place(unit, balance.bestPart(counts), counts);
  };

  const lines: number[][] = sets.map(() => []);
  const large: number[] = [];
  const rare: number[] = [];
  for (let unit = 0; unit < units.count; unit++) {
    if (fixed[unit] || assigned[unit] !== free) continue;
    const set = setOf[membersOf(units, unit)[0] as number] as number;
    const wanted = smallest * (inSet[set] as number);
    if (isMixed(units, unit, setOf) || sizeOf(units, unit) > Math.max(1, wanted / 2)) large.push(unit);
    else if ((sets[set] as readonly number[]).length > 1 && wanted < 1) rare.push(unit);
    else (lines[set] as number[]).push(unit);
  }
  const byOrder = (a: number, b: number) => (units.order[a] as number) - (units.order[b] as number);
  const placed = new Float64Array(parts.length * sets.length);
  const record = (unit: number) => {
    for (const i of membersOf(units, unit)) placed[(partOf[unit] as number) * sets.length + (setOf[i] as number)]!++;
  };
  for (const [unit, part] of assigned.entries()) {
    if (part < 0) continue;
    place(unit, part);
    record(unit);
  }
  for (const unit of large.sort((a, b) => sizeOf(units, b) - sizeOf(units, a) || byOrder(a, b))) {
    placeWell(unit);
    record(unit);
  }
  for (const [set, line] of lines.entries()) {
    if (line.length === 0) continue;
    const inLine = line.reduce((sum, unit) => sum + sizeOf(units, unit), 0);
    const quotas = quotasOf(set, inLine);
    // Fractions of an image are rounded up in some classes and down in others, so that they cancel out.
    const within = Rng.at("partition", nameOf(set)).uniform();
    let [at, part, end] = [0, 0, quotas[0] as number];
    for (const unit of line.sort(byOrder)) {
      const size = sizeOf(units, unit);
      while (at + within * size >= end && part < parts.length - 1) end += quotas[++part] as number;
      place(unit, part);
      at += size;
    }
  }
  const rarest = (unit: number) => Math.min(...[...countsOf(unit).keys()].map((label) => withLabel[label] as number));
  const rarity = new Map(rare.map((unit) => [unit, rarest(unit)]));
  const byRarity = (a: number, b: number) => (rarity.get(a) as number) - (rarity.get(b) as number);
  for (const unit of rare.sort((a, b) => byRarity(a, b) || byOrder(a, b))) placeWell(unit);
  return Int16Array.from(units.of, (unit) => partOf[unit] as number);

  /** Images of a line that each part should get, given what larger units of its class have brought there. */
  function quotasOf(set: number, inLine: number): number[] {
    const had = (part: number) => placed[part * sets.length + set] as number;
    const open = fractions.map((fraction, part) => Math.max(0, fraction * (inSet[set] as number) - had(part)));
    const sum = open.reduce((a, b) => a + b, 0);
    const quotas = open.map((images) => (images * inLine) / sum);
    for (const [part, { atLeast = 0 }] of parts.entries()) {
      const missing = Math.min(atLeast - had(part), inLine - 1) - (quotas[part] as number);
      const largest = quotas.indexOf(Math.max(...quotas));
      if (missing <= 0 || largest === part) continue;
      quotas[part]! += missing;
      quotas[largest]! -= missing;
    }
    return quotas;
  }
}

/** The labels that deviations are measured by: classes, one for images without a class, and one for all images. */
function labelsOf(sets: StratifyBy["sets"]) {
  const classes = sets.reduce((most, set) => Math.max(most, ...set.map((k) => k + 1)), 0);
  const whole = sets.map((set) => [...(set.length === 0 ? [classes] : set), classes + 1]);
  return { count: classes + 2, all: classes + 1, of: (set: number) => whole[set] as readonly number[] };
}

/** Units with a class that has too few images, or no image in another unit. */
function unitsInOnePart(units: Units, setOf: Int32Array, labels: ReturnType<typeof labelsOf>): Uint8Array {
  const images = new Float64Array(labels.count);
  const firstUnit = new Int32Array(labels.count).fill(-1);
  const isSplit = new Uint8Array(labels.count);
  for (const [i, set] of setOf.entries()) {
    const unit = units.of[i] as number;
    for (const label of labels.of(set)) {
      images[label]!++;
      if (firstUnit[label] === -1) firstUnit[label] = unit;
      else if (firstUnit[label] !== unit) isSplit[label] = 1;
    }
  }
  const fixed = new Uint8Array(units.count);
  for (const [i, set] of setOf.entries()) {
    if (labels.of(set).some((label) => (images[label] as number) <= tooFew || isSplit[label] === 0))
      fixed[units.of[i] as number] = 1;
  }
  return fixed;
}

function sizeOf({ start }: Units, unit: number): number {
  return (start[unit + 1] as number) - (start[unit] as number);
}

function membersOf({ start, members }: Units, unit: number): Int32Array {
  return members.subarray(start[unit], start[unit + 1]);
}

/** Whether a unit's images have several label sets. */
function isMixed(units: Units, unit: number, setOf: Int32Array): boolean {
  const [first, ...others] = membersOf(units, unit);
  return others.some((i) => setOf[i] !== setOf[first as number]);
}
