import { type Signal, signal } from "@preact/signals";

const states = new Map<string, Signal<unknown>>();

/** What an extension of the server says of itself, by name, kept up to date; undefined until it has said something. */
export function extensionState<T>(name: string): Signal<T | undefined> {
  const known = states.get(name) ?? signal<unknown>(undefined);
  states.set(name, known);
  return known as Signal<T | undefined>;
}

export function setExtensionStates(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) extensionState(name).value = value;
}
