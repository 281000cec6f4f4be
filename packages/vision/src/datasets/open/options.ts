import type { DecodeOptions } from "@classifier-training/image";
import type { ClassToIdx } from "../classes.ts";
import type { TaskChoice } from "../row-labels.ts";
import type { ColumnNames } from "./columns.ts";

/** Which folder of an image is its class: the one in the root, as torchvision's ImageFolder, or the one that it lies in. */
export type ClassFolder = "top" | "leaf";

/** How images are decoded. */
export type DecodeChoices = Pick<DecodeOptions, "maxPixels" | "exifOrientation">;

/** How a data path is read. */
export interface OpenOptions extends DecodeChoices, ColumnNames {
  /** What happens to rows whose image does not exist. */
  readonly onMissing?: "raise" | "skip" | undefined;
  /** Whether a class folder may hold no images; with `skip` it is not a class then. */
  readonly allowEmpty?: boolean | "skip" | undefined;
  /** Whether images have one label each or any number; `auto` (the default): as the files say. */
  readonly task?: TaskChoice | undefined;
  /** Which folder of an image is its class. */
  readonly classFolder?: ClassFolder | undefined;
  /** Whether what was edited is applied; it is by default. */
  readonly withEdits?: boolean | undefined;
  /** Hears how many rows of a list were read. */
  readonly onRows?: ((done: number, total: number) => void) | undefined;
}

/** How a split of it is opened. */
export interface SplitOptions {
  /** The classes of the training split. */
  readonly classToIdx?: ClassToIdx | undefined;
  /** Its task. */
  readonly task?: TaskChoice | undefined;
}
