import type { StudioState } from "../../../src/studio-types.ts";
import { extensionState } from "../../state/extensions.ts";

const state = extensionState<StudioState>("studio");

/** The images of a folder: imported, labeled, split. */
export function StudioView() {
  return <p class="note">{state.value?.folder}</p>;
}
