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

/** Writes to standard output what may hold other people's text: names of files and of classes. */
export function print(text: string): void {
  process.stdout.write(printable(text));
}

/** One value per line, or a readable tree. */
export function printJson(value: unknown, indent?: number): void {
  process.stdout.write(`${printableJson(value, indent)}\n`);
}
