/** What the server sends of a folder of images, and the page reads. */

/** Sent whenever it has changed. */
export interface StudioState {
  /** The folder of the images, absolute. */
  readonly folder: string;
  /** Another one means that images, labels or classes have changed. */
  readonly cursor: string;
  /** The folder is being read for the first time. */
  readonly isReading: boolean;
}
