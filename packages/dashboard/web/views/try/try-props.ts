import type { RunSummary } from "../../../src/api-types.ts";

/** What each part works with. */
export interface TryProps {
  readonly run: RunSummary;
  /** Whether images can be added to the data of this page. */
  readonly canLabel: boolean;
}
