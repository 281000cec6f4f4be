import { InvalidArgumentError } from "commander";

/** Parses an option's value. @throws InvalidArgumentError, which the command line turns into a sentence */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError("expected a whole number.");
  return value;
}
