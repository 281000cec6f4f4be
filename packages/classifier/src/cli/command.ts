import { printable, printableJson } from "@classifier-training/base";
import { type Command, InvalidArgumentError } from "commander";

/** Adds a command to the program; the command hands its exit code to `finish`. */
export type RegisterCommand = (program: Command, finish: (exitCode: number) => void) => void;

/** Parses an option's value. @throws InvalidArgumentError, which becomes a usage error */
export function nonNegativeInteger(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError("expected an integer >= 0.");
  return value;
}

/** Parses an option's value: words with commas between them. @throws InvalidArgumentError, which becomes a usage error */
export function commaSeparated(text: string): string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.includes("")) throw new InvalidArgumentError("expected names with commas between them.");
  return words;
}

/** A number from 0 to below 1. @throws InvalidArgumentError, which becomes a usage error */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < 1))
    throw new InvalidArgumentError("expected a fraction: 0 or more, and less than 1.");
  return value;
}

/** Writes to standard output what may hold other people's text: names of files and of classes. */
export function print(text: string): void {
  process.stdout.write(printable(text));
}

/** One value per line, or a readable tree. */
export function printJson(value: unknown, indent?: number): void {
  process.stdout.write(`${printableJson(value, indent)}\n`);
}
