import { CtError } from "@classifier-training/base";
import { type ColorName, colorNames } from "./palette.ts";
import type { SynthRequest } from "./write-synthetic.ts";

/** Synthetic images of one color pair that the real images lack. */
export interface ColorTarget {
  readonly label: string;
  readonly jersey: ColorName;
  readonly number: ColorName;
  readonly count: number;
}

/** How many synthetic images a class gets, by its number of real ones. */
export interface FillRule {
  /** Classes with fewer samples than this are filled ... */
  readonly below: number;
  /** ... to this many samples in all. */
  readonly upTo: number;
  /** Every class gets this many, filled or not. */
  readonly atLeast?: number;
}

/** The images that bring each rare class up to a count. @param counts real samples by class */
export function fillRareClasses(
  counts: ReadonlyMap<string, number>,
  { below, upTo, atLeast = 0 }: FillRule,
): SynthRequest[] {
  return [...counts].flatMap(([label, count]) => {
    const missing = count < below ? Math.max(0, upTo - count) : 0;
    return Array.from({ length: Math.max(missing, atLeast) }, () => ({ label }));
  });
}

/** `18:white/red=150`: 150 images of an 18, red on white. @throws CtError naming the invalid part */
export function parseColorTarget(text: string): ColorTarget {
  const match = /^(?<label>[^:]+):(?<jersey>[a-z]+)\/(?<number>[a-z]+)=(?<count>\d+)$/.exec(text);
  const { label, jersey, number, count } = match?.groups ?? {};
  if (label === undefined || count === undefined) {
    throw new CtError({
      code: "synth/target",
      what: `'${text}' is not a target: expected LABEL:JERSEY/NUMBER=COUNT`,
      fix: "for example 18:white/red=150",
    });
  }
  return { label, jersey: color(jersey, text), number: color(number, text), count: Number(count) };
}

function color(name: string | undefined, text: string): ColorName {
  const known = colorNames.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  throw new CtError({
    code: "synth/color",
    what: `'${name}' is not a color`,
    where: text,
    fix: `use one of: ${colorNames.join(", ")}`,
  });
}

export function expandTarget({ label, jersey, number, count }: ColorTarget): SynthRequest[] {
  return Array.from({ length: count }, () => ({ label, jersey, number }));
}

/** @param where the dataset @throws CtError naming the first label that is not a number */
export function requireNumbers(requests: readonly SynthRequest[], where: string): void {
  const unknown = requests.find(({ label }) => !/^\d{1,3}$/.test(label));
  if (unknown === undefined) return;
  throw new CtError({
    code: "synth/label",
    what: `'${unknown.label}' is not a number: only numbers can be rendered`,
    where,
    fix: "name the classes that are numbers with `classifier synth --below 0 --target ...`, or omit data.synthetic",
  });
}
