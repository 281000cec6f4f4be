import { join } from "node:path";
import { runPaths } from "@classifier-training/runs";
import { metricsReply } from "../metrics/metrics-reply.ts";
import type { RunCurves } from "../metrics/run-curves.ts";
import { growingFile, metricsPath } from "../runs/run-summary.ts";
import { type Answer, type Call, type Route, refusal } from "./route.ts";

const defaultPoints = 1000;
const maxPoints = 20_000;

/** The curves of a run: all, those of single classes, those between two steps, or what was added since. */
export const metrics: Route = {
  method: "GET",
  path: "runs/KEY/metrics",
  answer: (call) => {
    const path = metricsPath(call.run);
    if (path === undefined) return refusal(404, "not found");
    return curvesAnswer(call, call.context.curves.get(path, join(call.run.dir, runPaths.timeline)));
  },
};

/** Figures of the machine by the clock, in the same form: steps are seconds since 1970. A run without them has no curves. */
export const system: Route = {
  method: "GET",
  path: "runs/KEY/system",
  answer: (call) => {
    const path = growingFile(call.run.dir, runPaths.system);
    return path === undefined ? refusal(404, "not found") : curvesAnswer(call, call.context.curves.get(path));
  },
};

function curvesAnswer({ run, query }: Call, curves: RunCurves): Answer {
  const number = (name: string) => {
    const value = query.get(name);
    return value === null || value === "" || !Number.isFinite(Number(value)) ? undefined : Number(value);
  };
  const points = Math.min(maxPoints, Math.max(10, number("points") ?? defaultPoints));
  const [from, begin, end] = [number("from"), number("begin"), number("end")];
  const [prefix, generation] = [query.get("prefix"), query.get("generation")];
  const reply = metricsReply(run, curves, {
    points,
    ...(prefix !== null && { prefix }),
    ...(generation !== null && { generation }),
    ...(from !== undefined && { from }),
    ...(begin !== undefined && { begin }),
    ...(end !== undefined && { end }),
  });
  return { json: reply };
}
