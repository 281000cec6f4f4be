import { parentPort } from "node:worker_threads";
import { writeFileAtomic } from "@classifier-training/base";
import type { PlotTask } from "./background-plots.ts";
import { drawPlot } from "./plots.ts";

parentPort?.on("message", ({ id, plot, path }: PlotTask) => {
  try {
    const png = drawPlot(plot);
    writeFileAtomic(path, png);
    parentPort?.postMessage({ id, png });
  } catch (error) {
    parentPort?.postMessage({ id, error });
  }
});
