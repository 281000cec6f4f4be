import { CtError } from "@classifier-training/base";
import type { SynthRequest } from "./dataset.ts";
import { type ColourName, colourNames } from "./palette.ts";

/** What a class should get beyond filling it up: a colour pair that the real pictures lack. */
export interface ColourTarget {
  readonly label: string;
  readonly jersey: ColourName;
  readonly number: ColourName;
  readonly count: number;
}

/** How many synthetic pictures a class gets, by its real ones. */
export interface FillRule {
  /** Classes with fewer samples than this are filled ... */
  readonly below: number;
  /** ... to this many samples in all. */
  readonly upTo: number;
  /** Every class gets this many, filled or not. */
  readonly atLeast?: number;
}

/** The pictures that bring each rare class up to a count. @param counts real samples by class */
export function fillRareClasses(
  counts: ReadonlyMap<string, number>,
  { below, upTo, atLeast = 0 }: FillRule,
): SynthRequest[] {
  return [...counts].flatMap(([label, count]) => {
    const missing = count < below ? Math.max(0, upTo - count) : 0;
    return Array.from({ length: Math.max(missing, atLeast) }, () => ({ label }));
  });
}

/** `18:white/red=150`: 150 pictures of an 18, red on white. @throws CtError saying which part is wrong. */
export function parseColourTarget(text: string): ColourTarget {
  const match = /^(?<label>[^:]+):(?<jersey>[a-z]+)\/(?<number>[a-z]+)=(?<count>\d+)$/.exec(text);
  const { label, jersey, number, count } = match?.groups ?? {};
  if (label === undefined || count === undefined) {
    throw new CtError({
      code: "synth/target",
      what: `'${text}' is not a target`,
      fix: "write LABEL:JERSEY/NUMBER=COUNT, for example 18:white/red=150",
    });
  }
  return { label, jersey: colour(jersey, text), number: colour(number, text), count: Number(count) };
}

function colour(name: string | undefined, text: string): ColourName {
  const known = colourNames.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  throw new CtError({
    code: "synth/colour",
    what: `'${name}' is not a colour`,
    where: text,
    fix: `use one of: ${colourNames.join(", ")}`,
  });
}

export function expandTarget({ label, jersey, number, count }: ColourTarget): SynthRequest[] {
  return Array.from({ length: count }, () => ({ label, jersey, number }));
}

/** @throws CtError naming the first label that cannot be drawn @param where the data that has it */
export function requireNumbers(requests: readonly SynthRequest[], where: string): void {
  const unknown = requests.find(({ label }) => !/^\d{1,3}$/.test(label));
  if (unknown === undefined) return;
  throw new CtError({
    code: "synth/label",
    what: `'${unknown.label}' is not a number: only numbers can be drawn`,
    where,
    fix: "name the classes that are numbers: `classifier synth --below 0 --target ...`; leave data.synthetic out",
  });
}
