import { snakeCase } from "./text.ts";

export type OptionSpelling = "camelCase" | "snake_case";

const snakeNames = new Map<string, string>();
let spelling: OptionSpelling = "camelCase";

/** Messages spell these options as their users do from now on. @param names in camelCase */
export function registerOptionNames(names: Iterable<string>): void {
  for (const name of names) if (/[A-Z]/.test(name)) snakeNames.set(name, snakeCase(name));
}

/**
 * How messages name options from now on: as TypeScript writes them, or as YAML does, for a program whose options come
 * from a configuration.
 */
export function setOptionSpelling(next: OptionSpelling): void {
  spelling = next;
}

/** Messages that are made meanwhile name options as YAML does. */
export function withYamlSpelling<T>(run: () => T): T {
  const before = spelling;
  spelling = "snake_case";
  try {
    return run();
  } finally {
    spelling = before;
  }
}

/** The name of an option as its user writes it. */
export function spellOption(name: string): string {
  return spelling === "camelCase" ? name : snakeCase(name);
}

/** The options that a message names, as their user writes them. */
export function spellOptions(message: string): string {
  if (spelling === "camelCase") return message;
  // Not the names of methods, of files and of members.
  return message.replace(/(?<![\w./\\-])[a-z]+\d*[A-Z]\w*(?![\w(/\\-]|\.\w)/g, (word) => snakeNames.get(word) ?? word);
}
