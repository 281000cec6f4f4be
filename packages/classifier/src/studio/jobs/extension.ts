import { CtError, shellWord } from "@classifier-training/base";
import {
  type Call,
  type Extension,
  type Job,
  type JobKind,
  jobKinds,
  type TrainingCheck,
} from "@classifier-training/dashboard";
import { Predictor } from "../predict/predictor.ts";
import { askCommand } from "./command-process.ts";
import { decisionsIn, problemIn, remarksIn } from "./job-log.ts";
import { jobOptionsOf, runFolder, wordsOf } from "./job-options.ts";
import { JobQueue } from "./job-queue.ts";

export interface JobsExtensionOptions {
  /** The data: a folder, or what else `classifier train` takes. */
  readonly folder: string;
  /** The folder of the runs. */
  readonly runs: string;
}

export interface JobsExtension extends Extension {
  /** The training that runs now, and continues when the server ends. */
  readonly training: () => Job | undefined;
}

const maxImageBytes = 64 * 2 ** 20;
const checkTimeoutMs = 60_000;

/**
 * Work on the data and its runs that takes long (to look at the labels, to train, to export) as processes of the command line in the working
 * directory; and exported models that classify images.
 */
export function jobsExtension({ folder, runs }: JobsExtensionOptions): JobsExtension {
  const queue = new JobQueue({ data: folder, runs });
  const predictor = new Predictor();
  return {
    name: "jobs",
    state: () => queue.state,
    onChange: (listener) => queue.onChange(listener),
    training: () => queue.training,
    close: async () => {
      await Promise.all([queue.close(), predictor.close()]);
    },
    routes: [
      { method: "POST", path: "jobs", answer: ({ body }) => ({ json: queue.add(...requestOf(body)) }) },
      {
        method: "DELETE",
        path: "jobs/*",
        answer: ({ rest }) => {
          queue.end(rest);
          return { json: {} };
        },
      },
      { method: "GET", path: "job-results/*", answer: ({ rest }) => ({ file: queue.result(rest) }) },
      {
        method: "GET",
        path: "job-logs/*",
        answer: ({ rest }) => ({ json: { text: queue.log(rest), isCut: false } }),
      },
      {
        method: "GET",
        path: "job-decisions/*",
        answer: ({ rest }) => ({ json: { decisions: decisionsIn(queue.beginning(rest)) } }),
      },
      {
        method: "GET",
        path: "job-archives/*",
        answer: ({ rest }) => {
          const { path, name } = queue.archive(rest);
          return { file: path, download: name };
        },
      },
      { method: "POST", path: "training-check", answer: async ({ body }) => ({ json: await checkTraining(body) }) },
      {
        method: "POST",
        path: "predictions",
        maxBytes: maxImageBytes,
        answer: async (call) => ({ json: await predict(call) }),
      },
    ],
  };

  /** What the command says before it begins: overrides that do not exist, too few images or classes. */
  async function checkTraining(given: unknown): Promise<TrainingCheck> {
    const places = { data: folder, runs, result: "", bundle: "" };
    const words = wordsOf("train", jobOptionsOf("train", given), places);
    const { code, text } = await askCommand([...words, "--info", "unused"], checkTimeoutMs);
    const command = ["classifier", ...words].map(shellWord).join(" ");
    const remarks = remarksIn(text);
    return code === 0 ? { ok: true, command, remarks } : { ok: false, command, remarks, problem: problemIn(text) };
  }

  function predict({ query, body }: Call) {
    const run = runFolder(runs, query.get("run") ?? "");
    const classes = Math.min(50, Math.max(1, Math.trunc(Number(query.get("classes") ?? 5)) || 5));
    return predictor.predict(run, body as Uint8Array, classes);
  }
}

function requestOf(body: unknown): [JobKind, unknown] {
  const { kind, options = {} } = body as { readonly kind?: unknown; readonly options?: unknown };
  const known = jobKinds.find((one) => one === kind);
  if (known !== undefined) return [known, options];
  throw new CtError({ code: "studio/job", what: `kind: expected ${jobKinds.join(", ")}; received ${String(kind)}` });
}
