import { statSync } from "node:fs";
import type { ExportReport } from "@classifier-training/dashboard";
import { verifyBundle } from "@classifier-training/inference";

/** What a bundle says of itself, and whether it does what it says. @param path its folder or archive */
export async function exportReport(path: string): Promise<ExportReport> {
  const { manifest, problems, largestDifference } = await verifyBundle(path);
  const { accuracy, parity, paritySamples, files, golden } = manifest;
  return {
    ...(accuracy !== undefined && { split: accuracy.split, accuracy }),
    ...(parity !== undefined && { parity }),
    ...(paritySamples !== undefined && { paritySamples }),
    files: Object.keys(files).length,
    golden: golden.length,
    problems,
    largestDifference,
    bytes: statSync(path).size,
  };
}
