import { imageAt, nameOf } from "../studio/store.ts";

/** What an image is called on the page. */
export function shownName(path: string): string {
  const image = imageAt(path);
  return image === undefined ? path : nameOf(image);
}
