import { CtError } from "@classifier-training/base";
import { classNamesOfRun, fileInside, type Run, readDataAnalysis, runPaths } from "@classifier-training/runs";
import {
  comparedSides,
  type EmbeddingsMap,
  type EvaluationList,
  type SampleQuery,
  sampleOrders,
} from "../evaluation-types.ts";
import { classesReply, confusionOf, storedConfusion } from "../evaluations/class-table.ts";
import { type EvaluationTable, TableCache } from "../evaluations/evaluation-table.ts";
import { evaluationFolder, listEvaluations } from "../evaluations/evaluations.ts";
import { pairedReply } from "../evaluations/paired.ts";
import { samplesReply } from "../evaluations/samples.ts";
import { summaryOf } from "../evaluations/summary.ts";
import { type Call, type Route, refusal } from "./route.ts";

const tables = new TableCache();
const maxSamples = 200;

/** The evaluations of a run: of its epochs, of `validate` and `test`. */
export const evaluations: Route = {
  method: "GET",
  path: "runs/KEY/evaluations",
  answer: ({ run, context }) => {
    const list: EvaluationList = { evaluations: listEvaluations(run, context.index.root) };
    return { json: list };
  },
};

interface Opened {
  readonly folder: string;
  readonly classes: readonly string[];
  /** @throws CtError where the evaluation has no predictions */
  readonly table: () => EvaluationTable;
}

/** What is said of one evaluation: `runs/KEY/evaluations/ID/PART`. */
const parts: Readonly<Record<string, (opened: Opened, query: URLSearchParams) => unknown>> = {
  summary: ({ table }) => summaryOf(table()),
  confusion: ({ folder, classes, table }) => storedConfusion(folder, classes) ?? confusionOf(table()),
  classes: ({ folder, table }) => classesReply(table(), folder),
  samples: ({ table }, query) => samplesReply(table(), sampleQuery(query), pageOf(query)),
};

export const evaluation: Route = {
  method: "GET",
  path: "runs/KEY/evaluations/*",
  answer: ({ run, context, rest, query }) => {
    const [id = "", name = ""] = rest.split("/");
    const part = Object.hasOwn(parts, name) ? parts[name] : undefined;
    if (part === undefined) return refusal(404, "not found");
    return { json: part(opened(run, context.index.root, id), query) };
  },
};

/** Where the run's network sees its images, in two dimensions. */
export const embeddings: Route = {
  method: "GET",
  path: "runs/KEY/embeddings",
  answer: ({ run }) => {
    const path = fileInside(run.dir, runPaths.embeddingsMap);
    if (path === undefined)
      return refusal(404, "The run has no map: `classifier data map PATH --model RUN` makes one.");
    const { method, points } = readDataAnalysis(path, "map");
    const map: EmbeddingsMap = { method, points };
    return { json: map };
  },
};

/** Two evaluations on the same samples: `a`, `b` are keys of runs, `ea`, `eb` evaluations of theirs. */
export const paired: Route = {
  method: "GET",
  path: "compare/predictions",
  answer: ({ context, query }) => {
    const { root } = context.index;
    const found = ["a", "b"].map((name) => context.index.find(query.get(name) ?? ""));
    const [a, b] = found;
    if (a === undefined || b === undefined) return refusal(404, "not found");
    const table = (run: Run, name: string) => opened(run, root, query.get(name) ?? "").table();
    const side = oneOf(comparedSides, query.get("side")) ?? "onlyA";
    const sides = [
      { run: a, table: table(a, "ea") },
      { run: b, table: table(b, "eb") },
    ] as const;
    return { json: pairedReply(...sides, { side, ...pageOf(query) }) };
  },
};

function opened(run: Call["run"], root: string, id: string): Opened {
  const folder = evaluationFolder(run, root, id);
  const classes = classNamesOfRun(run) ?? [];
  const table = () => {
    const found = tables.get(folder, classes);
    if (found !== undefined) return found;
    throw new CtError({
      code: "dashboard/predictions",
      what: "this evaluation has no table of predictions",
      where: folder,
      fix: "train with callbacks.report, which writes one",
    });
  };
  return { folder, classes, table };
}

function sampleQuery(query: URLSearchParams): SampleQuery {
  const texts = ["true", "predicted", "key", "value"] as const;
  const numbers = ["low", "high"] as const;
  const order = oneOf(sampleOrders, query.get("order"));
  return {
    ...Object.fromEntries(texts.flatMap((name) => (query.has(name) ? [[name, query.get(name)]] : []))),
    ...Object.fromEntries(
      numbers.flatMap((name) =>
        Number.isFinite(Number(query.get(name) ?? "x")) ? [[name, Number(query.get(name))]] : [],
      ),
    ),
    ...(query.get("wrong") === "1" && { wrong: true }),
    ...(order !== undefined && { order }),
  };
}

function oneOf<T extends string>(values: readonly T[], given: string | null): T | undefined {
  return values.find((value) => value === given);
}

function pageOf(query: URLSearchParams): { readonly offset: number; readonly limit: number } {
  const number = (name: string, fallback: number) => {
    const value = Number(query.get(name) ?? fallback);
    return Number.isInteger(value) && value >= 0 ? value : fallback;
  };
  return { offset: number("offset", 0), limit: Math.min(maxSamples, number("limit", 60)) };
}
