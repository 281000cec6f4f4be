/** Number of single-character edits (insert, delete, replace, swap of neighbors) between two strings. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The candidate nearest to a misspelt name, if one is near enough to be what was meant. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const cost = editDistance(wanted, candidate.toLowerCase());
    if (cost < bestCost) {
      best = candidate;
      bestCost = cost;
    }
  }
  return bestCost <= Math.max(2, Math.floor(name.length / 3)) ? best : undefined;
}

/** The advice that a near name is: `did you mean 'x'?`. */
export function didYouMean(near: string | undefined): string | undefined {
  return near === undefined ? undefined : `did you mean '${near}'?`;
}

/** `did you mean 'x'?`, or the list of what is allowed when nothing is near. */
export function suggestion(name: string, candidates: readonly string[]): string {
  const allowed = candidates.length === 0 ? "nothing is allowed here" : `expected one of: ${candidates.join(", ")}`;
  return didYouMean(nearestName(name, candidates)) ?? allowed;
}

/** `1 file`, `2 files`. */
export function plural(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** A text of at most so many characters: what is too long loses its middle, where names of files differ least. */
export function shortened(text: string, length: number): string {
  const characters = [...text];
  if (characters.length <= length) return text;
  const start = Math.floor((length - 1) / 3);
  return `${characters.slice(0, start).join("")}…${characters.slice(characters.length - (length - 1 - start)).join("")}`;
}

/** A word of a shell's command line: in quotes where a shell would read more into it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replace(/["\\$`]/g, "\\$&")}"`;
}

export function camelCase(snake: string): string {
  return snake.replace(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function snakeCase(camel: string): string {
  return camel.replace(/(?<=[a-z0-9])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * A text of unknown origin as a terminal or a log may show it: without escape sequences and other control characters, and
 * without the marks that turn the direction of what follows. Line breaks and tabs stay.
 */
export function printable(text: string): string {
  if (!unprintable.test(text)) return text;
  return text.replaceAll(terminalCommand, "").replaceAll(new RegExp(unprintable, "gu"), "");
}

/** JSON for a terminal: what `printable` removes is written as escapes, which readers of JSON turn back. */
export function printableJson(value: unknown, indent?: number): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, indent).replaceAll(new RegExp(unprintable, "gu"), escaped);
}

/** Commands to a terminal (ECMA-48): control sequences, operating system commands with their end, two-character ones. */
const commands = [
  "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]",
  "\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)",
  "\\x1b[ -/]*[0-~]",
];
const terminalCommand = new RegExp(commands.join("|"), "g");

const unprintable = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u;

/** Orders strings as Python does: by code points (JavaScript's own order differs beyond U+FFFF). */
export function comparePython(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right) return codePointOrder(left) - codePointOrder(right);
  }
  return a.length - b.length;
}

/** Surrogates are below U+E000, and stand for code points above it. */
function codePointOrder(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
