import { rmSync } from "node:fs";
import { runInUse, writeAnnotations } from "@classifier-training/runs";
import { type Route, refusal } from "./route.ts";

/** Replaces the annotations of a run. */
export const annotate: Route = {
  method: "PUT",
  path: "runs/KEY/annotations",
  answer: ({ run, context, body }) => {
    const annotations = writeAnnotations(run.dir, body as object);
    void context.index.scan();
    return { json: annotations };
  },
};

/** Deletes the folder of a run. Checkpoints that it keeps elsewhere stay. */
export const remove: Route = {
  method: "DELETE",
  path: "runs/KEY",
  answer: ({ run, context }) => {
    if (run.dir === context.index.root)
      return refusal(409, "this run is the folder that the page shows: delete it by hand");
    const user = runInUse(run.dir);
    if (user !== undefined) return refusal(409, `the run is in use by process ${user.pid ?? "?"}: stop it first`);
    rmSync(run.dir, { recursive: true, force: true });
    void context.index.scan();
    return { json: { removed: true } };
  },
};
