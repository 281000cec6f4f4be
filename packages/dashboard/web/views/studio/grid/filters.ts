import { computed, signal } from "@preact/signals";
import type { StudioImage } from "../../../../src/studio-types.ts";
import { param } from "../../../state/params.ts";
import { images, nameOf } from "../store.ts";

/** `label:NAME`, `none`, `out`, `confirmed`; empty for all that are not left out. */
export const showParam = param("show");
/** `train`, `val`, `test`, `none`; empty for all. */
export const inParam = param("in");
export const findParam = param("find");
/** `name`, `class`, `imported`. */
export const orderParam = param("order", "name");

export const noLabel = "none";
export const leftOut = "out";
export const everything = "all";

function isShown({ label, excluded, isConfirmed }: StudioImage, show: string): boolean {
  if (show === everything) return true;
  if (show === leftOut) return excluded !== undefined;
  if (excluded !== undefined) return false;
  if (show === noLabel) return label === undefined;
  if (show === "confirmed") return isConfirmed === true;
  return show === "" || (label !== undefined && show === `label:${label}`);
}

/** The images that the filters leave, in their order. */
export const filtered = computed((): readonly StudioImage[] => {
  const words = findParam.value.toLowerCase().split(/\s+/).filter(Boolean);
  const [show, split] = [showParam.value, inParam.value];
  const fitting = images.value.filter((image) => {
    if (!isShown(image, show)) return false;
    if (split !== "" && (image.split ?? "none") !== split) return false;
    if (words.length === 0) return true;
    const text = `${nameOf(image)} ${image.path} ${image.label ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  if (orderParam.value === "class") {
    const key = ({ label = "\uffff" }: StudioImage) => label;
    return fitting.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  }
  if (orderParam.value === "imported")
    return fitting.sort((a, b) => Number(b.source !== undefined) - Number(a.source !== undefined));
  return fitting;
});

/** Paths of the images that are selected. */
export const selected = signal<ReadonlySet<string>>(new Set());

/** Those of them that the filters show, in their order. */
export const selectedShown = computed(() => filtered.value.filter(({ path }) => selected.value.has(path)));
