import { imageAt, nameOf } from "../studio/store.ts";

/** `12.3%`. */
export function percent(value: number): string {
  return `${(100 * value).toFixed(1)}%`;
}

/** What an image is called on the page. */
export function shownName(path: string): string {
  const image = imageAt(path);
  return image === undefined ? path : nameOf(image);
}
