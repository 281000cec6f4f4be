import { join } from "node:path";
import { runPaths } from "@classifier-training/runs";
import { metricsReply } from "../metrics/metrics-reply.ts";
import { metricsPath } from "../runs/run-summary.ts";
import { type Route, refusal } from "./route.ts";

const defaultPoints = 1000;
const maxPoints = 20_000;

/** The curves of a run: all, those of single classes, those between two steps, or what was added since. */
export const metrics: Route = {
  method: "GET",
  path: "runs/KEY/metrics",
  answer: ({ run, context, query }) => {
    const path = metricsPath(run);
    if (path === undefined) return refusal(404, "not found");
    const number = (name: string) => {
      const value = query.get(name);
      return value === null || value === "" || !Number.isFinite(Number(value)) ? undefined : Number(value);
    };
    const points = Math.min(maxPoints, Math.max(10, number("points") ?? defaultPoints));
    const [from, begin, end] = [number("from"), number("begin"), number("end")];
    const [prefix, generation] = [query.get("prefix"), query.get("generation")];
    const reply = metricsReply(run, context.curves.get(path, join(run.dir, runPaths.timeline)), {
      points,
      ...(prefix !== null && { prefix }),
      ...(generation !== null && { generation }),
      ...(from !== undefined && { from }),
      ...(begin !== undefined && { begin }),
      ...(end !== undefined && { end }),
    });
    return { json: reply };
  },
};
