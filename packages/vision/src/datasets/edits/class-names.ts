/** A class by now: whatever it was called when a label was given. */
interface Class {
  /** Undefined once it was removed. */
  name: string | undefined;
  /** The class that it was merged into. */
  into?: Class;
  /** Whether it is one without images, too. */
  isDeclared: boolean;
}

/** What classes are called after they were renamed, merged and removed. Each operation takes constant time (union-find). */
export class ClassNames {
  /** Classes by what they are called now. */
  readonly #current = new Map<string, Class>();
  /** Classes by what the data itself calls them. */
  readonly #inData = new Map<string, Class>();

  /** The class of a name; a new one where there is none. */
  at(name: string): Class {
    const known = this.#current.get(name);
    if (known !== undefined) return known;
    const made: Class = { name, isDeclared: false };
    this.#current.set(name, made);
    // A name that no edit was about is that of the data's own class.
    if (!this.#inData.has(name)) this.#inData.set(name, made);
    return made;
  }

  declare(name: string): void {
    this.at(name).isDeclared = true;
  }

  rename(from: string, to: string): void {
    if (from === to) return;
    const [source, target] = [this.at(from), this.at(to)];
    this.#current.delete(from);
    source.into = target;
    target.isDeclared ||= source.isDeclared;
  }

  remove(name: string): void {
    const removed = this.at(name);
    removed.name = undefined;
    removed.isDeclared = false;
    this.#current.delete(name);
  }

  /** What a label of the data is called now; null where its class was removed. */
  ofData(label: string): string | null {
    const known = this.#inData.get(label);
    return known === undefined ? label : nameOf(known);
  }

  /** Labels of the data that are called otherwise now, or nothing. */
  changed(): Map<string, string | null> {
    const names = [...this.#inData].map(([label, own]) => [label, nameOf(own)] as const);
    return new Map(names.filter(([label, name]) => label !== name));
  }

  /** Classes that exist without images, too, in the order in which they were added. */
  declared(): string[] {
    return [...this.#current.values()].filter(({ isDeclared }) => isDeclared).map(({ name }) => name as string);
  }
}

/** What a class is called now; null where it was removed. */
export function nameOf(given: Class): string | null {
  let last = given;
  while (last.into !== undefined) last = last.into;
  // Later searches are shorter.
  for (let one = given; one.into !== undefined && one.into !== last; ) {
    const next: Class = one.into;
    one.into = last;
    one = next;
  }
  return last.name ?? null;
}

export type { Class };
