import type { CaseResult } from "./section.ts";

export function distributionCases(_recorded: unknown): CaseResult[] {
  return [];
}
