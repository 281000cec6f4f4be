import { closeSync, readSync } from "node:fs";
import { maskText, openRegularFile } from "@classifier-training/base";
import { classNamesOfRun, fileInside, listImages, readOrigins, runPaths } from "@classifier-training/runs";
import type { RunDetail, RunLog } from "../api-types.ts";
import { configText, textInside } from "../runs/run-index.ts";
import { type Route, refusal } from "./route.ts";

/** Everything of a run but its metrics. */
export const run: Route = {
  method: "GET",
  path: "runs/KEY",
  answer: ({ run, context }) => {
    const entry = context.index.entry(run);
    if (entry === undefined) return refusal(404, "not found");
    const config = configText(run);
    const overrides = textInside(run.dir, run.record.overridesPath);
    const origins = fileInside(run.dir, runPaths.origins) === undefined ? undefined : readOrigins(run.dir);
    const labels = classNamesOfRun(run);
    const detail: RunDetail = {
      ...entry.summary,
      dir: run.dir,
      record: run.record,
      values: entry.values,
      images: listImages(run.dir),
      ...(config !== undefined && { config }),
      ...(overrides !== undefined && { overrides }),
      ...(origins !== undefined && { origins }),
      ...(labels !== undefined && { labels }),
    };
    return { json: detail };
  },
};

/** An image of a run. */
export const file: Route = {
  method: "GET",
  path: "runs/KEY/files/*",
  answer: ({ run, rest }) => {
    const path = /\.(png|jpe?g|webp|svg)$/i.test(rest) ? fileInside(run.dir, rest) : undefined;
    return path === undefined ? refusal(404, "not found") : { file: path };
  },
};

const maxLogBytes = 2 ** 18;

/** The end of a run's log, secrets masked; empty when it has none. */
export const log: Route = {
  method: "GET",
  path: "runs/KEY/log",
  answer: ({ run }) => {
    const path = fileInside(run.dir, runPaths.log);
    const none: RunLog = { text: "", isCut: false };
    if (path === undefined) return { json: none };
    const { file, size } = openRegularFile(path);
    try {
      const bytes = Buffer.alloc(Math.min(size, maxLogBytes));
      const length = readSync(file, bytes, 0, bytes.length, size - bytes.length);
      const text = bytes.toString("utf8", 0, length);
      const isCut = bytes.length < size;
      const reply: RunLog = { text: maskText(isCut ? text.slice(text.indexOf("\n") + 1) : text), isCut };
      return { json: reply };
    } finally {
      closeSync(file);
    }
  },
};
