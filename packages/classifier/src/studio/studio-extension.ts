import { resolve } from "node:path";
import type { Extension, StudioState } from "@classifier-training/dashboard";

/** The images of a folder and their labels, for the page. */
export function studioExtension(folder: string): Extension {
  const state = (): StudioState => ({ folder: resolve(folder), cursor: "0", isReading: false });
  return { name: "studio", routes: [], state };
}
