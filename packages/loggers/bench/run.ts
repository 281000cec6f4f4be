/**
 * What logging 50 metrics a step costs the training thread: `npm run bench -w packages/loggers`; the limit is 0.2 ms.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import type { Logger } from "@classifier-training/lightning";
import { CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger } from "../src/index.ts";

setLogSinks([]);
const root = mkdtempSync(join(tmpdir(), "bench-loggers-"));
const loggers: readonly [string, Logger][] = [
  ["CSVLogger", new CSVLogger({ saveDir: root })],
  ["TensorBoardLogger", new TensorBoardLogger({ saveDir: root })],
  ["MLFlowLogger (file:)", new MLFlowLogger({ trackingUri: `file:${join(root, "mlruns")}` })],
  [
    "WandbLogger (offline)",
    new WandbLogger({ saveDir: root, offline: true, systemMetricsInterval: 0, console: false }),
  ],
];
for (const [name, logger] of loggers) {
  const times: number[] = [];
  for (let step = 0; step < 2500; step++) {
    const metrics = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`train/metric_${i}`, Math.sin(step * 50 + i)]),
    );
    const begin = performance.now();
    logger.logMetrics(metrics, step);
    if (step >= 500) times.push(performance.now() - begin);
    if (step % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await logger.finalize("success");
  await logger.close?.();
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(times.length * share)] as number).toFixed(4);
  const mean = (times.reduce((a, b) => a + b, 0) / times.length).toFixed(4);
  process.stdout.write(
    `${name}, 50 metrics a step: mean ${mean} ms, median ${at(0.5)} ms, 99 % ${at(0.99)} ms (limit 0.2)\n`,
  );
}
rmSync(root, { recursive: true, force: true });
