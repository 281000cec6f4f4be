import { CtError, parseOptions } from "@classifier-training/base";
import {
  type Answer,
  type Call,
  type ImportReply,
  maxArchiveBytes,
  maxImportBytes,
  type Route,
  refusal,
  type StudioDone,
  type StudioHistory,
} from "@classifier-training/dashboard";
import { describeEdit, type Edit, type RecordedEdit } from "@classifier-training/vision/data";
import { z } from "zod";
import type { AutomaticSplit } from "./automatic-split.ts";
import { exportedLines, zipOf } from "./export-data.ts";
import { ImageImport } from "./import-images.ts";
import { detailsOf, Renderings } from "./renderings.ts";
import type { Workspace } from "./workspace.ts";

/** Edits that name many images are longer than other requests. */
const maxEditBytes = 2 ** 26;
const maxHistory = 1000;
/** Longest sides in pixels. */
const sides = { thumbnails: 256, previews: 1600, full: 8192 } as const;

/** The endpoints of a workspace. */
export function studioRoutes(workspace: Workspace, split: AutomaticSplit): Route[] {
  const renderings = new Renderings();
  const imported = new ImageImport(workspace);
  return [
    get("studio/images", ({ query }) => ({ json: workspace.changesSince(query.get("since") ?? undefined) })),
    get("studio/history", () => ({ json: historyOf(workspace) })),
    get("studio/details/*", ({ rest }) => ofImage(workspace, rest, async (file) => ({ json: await detailsOf(file) }))),
    ...(["thumbnails", "previews", "full"] as const).map((kind) =>
      get(`studio/${kind}/*`, ({ rest }) =>
        ofImage(workspace, rest, async (file) => {
          const { bytes } = await renderings.of(file, sides[kind]);
          return { bytes, type: "image/webp" };
        }),
      ),
    ),
    get("studio/export/images.zip", () => {
      const send = zipOf(workspace);
      return { stream: (_, response) => void send(response).catch(() => response.destroy()) };
    }),
    get("studio/export/labels.jsonl", () => ({ bytes: exportedLines(workspace), type: "application/jsonl" })),
    {
      method: "POST",
      path: "studio/edits",
      maxBytes: maxEditBytes,
      answer: ({ body }) => {
        const edit = editOf(body as Uint8Array);
        workspace.edit(edit);
        return done(describeEdit(edit));
      },
    },
    post("studio/undo", ({ body }) => {
      const { after } = parseOptions("undo", z.strictObject({ after: z.int().min(0).optional() }), body, problem);
      const words = workspace.undo(after);
      const [one = "nothing to undo"] = words;
      return done(
        words.length > 1 ? `took back ${words.length} edits` : words.length === 1 ? `took back: ${one}` : one,
      );
    }),
    post("studio/redo", () => {
      const words = workspace.redo();
      return done(words === undefined ? "nothing to redo" : `made again: ${words}`);
    }),
    {
      method: "POST",
      path: "studio/files",
      maxBytes: maxImportBytes,
      answer: async ({ body, query }) =>
        reply({ files: [await imported.file(body as Uint8Array, query.get("name") ?? "image")] }),
    },
    {
      method: "POST",
      path: "studio/archives",
      maxBytes: maxArchiveBytes,
      answer: async ({ body }) => reply({ files: await imported.archive(body as Uint8Array) }),
    },
    post("studio/split", async ({ body }) => done(await split.make(parseOptions("split", fractions, body, problem)))),
    {
      method: "DELETE",
      path: "studio/split",
      answer: async () => {
        await split.cancel();
        return done("canceled");
      },
    },
  ];
}

const fractions = z
  .strictObject({ valFraction: z.number().min(0).max(0.9), testFraction: z.number().min(0).max(0.9) })
  .refine(
    ({ valFraction, testFraction }) => valFraction + testFraction > 0,
    "expected a part for validation or testing",
  )
  .refine(({ valFraction, testFraction }) => valFraction + testFraction < 1, "expected a rest for training");

function get(path: string, answer: Route["answer"]): Route {
  return { method: "GET", path, answer };
}

function post(path: string, answer: (call: Call) => Answer | Promise<Answer>): Route {
  return { method: "POST", path, answer };
}

function done(words: string): Answer {
  return { json: { words } satisfies StudioDone };
}

function reply(files: ImportReply): Answer {
  return { json: files };
}

/** The log says which fields an edit has. */
function editOf(body: Uint8Array): Edit {
  try {
    const edit: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    if (typeof edit === "object" && edit !== null && !Array.isArray(edit)) return edit as Edit;
  } catch {
    // Refused below.
  }
  throw problem({ what: "expected an edit as a JSON object" });
}

/** Only images that the workspace has: a path is looked up, and never followed. */
async function ofImage(workspace: Workspace, path: string, answer: (file: string) => Promise<Answer>): Promise<Answer> {
  const file = workspace.fileOf(path);
  if (file === undefined) return refusal(404, "there is no such image");
  try {
    return await answer(file);
  } catch (error) {
    // The server itself is well.
    return refusal(422, CtError.is(error) ? error.problem.what : `the image ${path} cannot be read`);
  }
}

function historyOf({ log }: Workspace): StudioHistory {
  const entry = (edit: RecordedEdit) => ({ line: edit.line, time: edit.time, words: describeEdit(edit) });
  const { edits, undone } = log;
  return {
    edits: edits.slice(-maxHistory).reverse().map(entry),
    undone: undone.slice(-maxHistory).reverse().map(entry),
    earlier: Math.max(0, edits.length - maxHistory),
  };
}

function problem(about: { readonly what: string; readonly cause?: unknown }): CtError {
  return new CtError({ code: "classifier/studio", ...about });
}
