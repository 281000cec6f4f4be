import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";

/** The state of the page is its address: the back button and a link that was shared show the same. */
const search = signal(new URLSearchParams(location.search));

addEventListener("popstate", () => {
  search.value = new URLSearchParams(location.search);
});

type Change = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Changes several parameters at once. @param step whether the back button leads back to before */
export function setParams(change: Change, step = true): void {
  const next = new URLSearchParams(search.value);
  for (const [name, value] of Object.entries(change)) {
    next.delete(name);
    if (typeof value === "string") next.set(name, value);
    else for (const one of value ?? []) next.append(name, one);
  }
  const text = next.toString();
  if (text === search.value.toString()) return;
  const address = `${location.pathname}${text === "" ? "" : `?${text}`}${location.hash}`;
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  batch(() => {
    search.value = next;
  });
}

export interface Param extends ReadonlySignal<string> {
  /** @param step whether the back button leads back to before; not for what is typed or dragged */
  readonly set: (value: string, step?: boolean) => void;
}

/** One parameter of the address; its default is not written there. */
export function param(name: string, fallback = ""): Param {
  const value = computed(() => search.value.get(name) ?? fallback);
  const set = (next: string, step = true) => setParams({ [name]: next === fallback ? undefined : next }, step);
  return Object.assign(value, { set });
}

/** A parameter that stands in the address once for each of its values; `undefined` when it does not. */
export function listParam(name: string): ReadonlySignal<readonly string[] | undefined> {
  return computed(() => (search.value.has(name) ? search.value.getAll(name) : undefined));
}
