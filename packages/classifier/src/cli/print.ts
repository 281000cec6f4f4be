import { printable, printableJson } from "@classifier-training/base";

/** Writes to standard output what may hold other people's text: names of files and of classes. */
export function print(text: string): void {
  process.stdout.write(printable(text));
}

/** One value a line, or a readable tree. */
export function printJson(value: unknown, indent?: number): void {
  process.stdout.write(`${printableJson(value, indent)}\n`);
}
