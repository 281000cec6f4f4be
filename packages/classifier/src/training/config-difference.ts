import { firstOf, signatureDifferences } from "@classifier-training/lightning";
import type { Run } from "@classifier-training/runs";
import { bestCheckpointOf } from "./best-summary.ts";

/**
 * In what the configurations of two runs differ, as their best checkpoints say; empty where in nothing, or where a
 * checkpoint is not there any more.
 * @param ignored keys that may differ
 */
export function configDifference(first: Run, other: Run, ignored: RegExp): string {
  const [signature, otherSignature] = [first, other].map((run) => signatureOf(run, ignored)) as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  const isKnown = [signature, otherSignature].every((one) => Object.keys(one).length > 0);
  if (!isKnown) return "";
  return firstOf(signatureDifferences({ signature }, { signature: otherSignature })).replaceAll("signature.", "");
}

function signatureOf(run: Run, ignored: RegExp): Record<string, unknown> {
  const { config = {} } = (bestCheckpointOf(run)?.runSignature ?? {}) as { config?: Record<string, unknown> };
  return Object.fromEntries(Object.entries(config).filter(([key]) => !ignored.test(key)));
}
