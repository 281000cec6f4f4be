import { CtError } from "@classifier-training/base";
import type { MarksReply, SampleMark } from "@classifier-training/dashboard";
import { EditLog } from "@classifier-training/vision/data";
import { z } from "zod";
import { editNameOf, type SampleData, sampleNameOf } from "./sample-data.ts";

const requestSchema = z.union([
  z.strictObject({ sample: z.string(), true: z.string(), label: z.string().min(1) }),
  z.strictObject({ sample: z.string(), true: z.string(), isUnreadable: z.literal(true) }),
  z.strictObject({ sample: z.string(), true: z.string(), undo: z.literal(true) }),
]);

/** What edits say of the images of a run. @param classes of the run */
export function marksOf(data: SampleData, classes: readonly string[]): MarksReply {
  const { state } = EditLog.open(data.root);
  const marks: [string, SampleMark][] = [];
  for (const [name, label] of state.labels) if (label !== null) marks.push([sampleNameOf(data, name), { label }]);
  for (const name of state.excluded.keys()) marks.push([sampleNameOf(data, name), { isUnreadable: true }]);
  return { marks, classes: [...new Set([...classes, ...state.addedClasses])] };
}

/** Writes what was marked into the edits of the data. @throws CtError for a request that is not valid, or an image outside */
export function writeMark(data: SampleData, request: unknown): void {
  const { data: mark } = requestSchema.safeParse(request);
  if (mark === undefined) {
    throw new CtError({
      code: "samples/mark",
      what: "expected `sample`, `true`, and one of `label`, `isUnreadable`, `undo`",
    });
  }
  const log = EditLog.open(data.root);
  const name = editNameOf(data, mark.sample);
  if ("label" in mark) log.append({ op: "label", images: [name], label: mark.label });
  else if ("isUnreadable" in mark) log.append({ op: "exclude", images: [name], reason: "unreadable" });
  else takeBack(log, name, mark.true);
}

/** The last edit is undone; an earlier one by another that says the opposite. */
function takeBack(log: EditLog, name: string, label: string): void {
  const last = log.edits.at(-1);
  const isLast =
    (last?.op === "label" || last?.op === "exclude") && last.images.length === 1 && last.images[0] === name;
  if (isLast) log.undo();
  else if (log.state.excluded.has(name)) log.append({ op: "include", images: [name] });
  else if (log.state.labels.has(name)) log.append({ op: "label", images: [name], label });
}
