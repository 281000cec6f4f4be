import { useEffect, useState } from "preact/hooks";
import type { RunDetail } from "../../../../src/api-types.ts";
import type { MarksReply, SampleAccess, SampleMark, ShownSample } from "../../../../src/evaluation-types.ts";
import { api, canWrite, extensions, runPath } from "../../../state/api.ts";

/** What a server without the extension for samples says. */
const noExtension: SampleAccess = {
  problem: "The images of samples are shown where `classifier dashboard` has started the page.",
  canMark: false,
  canExplain: false,
};

export interface Marks {
  readonly access: SampleAccess;
  /** Whether the server was asked. */
  readonly isRead: boolean;
  readonly classes: readonly string[];
  readonly markOf: (sample: ShownSample) => SampleMark | undefined;
  readonly mark: (sample: ShownSample, mark: SampleMark) => Promise<void>;
  readonly undo: (sample: ShownSample) => Promise<void>;
  /** What was done last, or why it failed. */
  readonly message: string;
}

/** What was marked of the samples of a run, and what can be done with them. */
export function useMarks({ key, labels = [] }: Pick<RunDetail, "key" | "labels">): Marks {
  const [access, setAccess] = useState<SampleAccess | undefined>();
  const [marks, setMarks] = useState<ReadonlyMap<string, SampleMark>>(new Map());
  const [classes, setClasses] = useState<readonly string[]>([]);
  const [message, setMessage] = useState("");
  const isThere = extensions.value?.includes("samples") === true;
  const take = (reply: MarksReply) => {
    setMarks(new Map(reply.marks));
    setClasses(reply.classes);
  };
  useEffect(() => {
    if (!isThere) return setAccess(noExtension);
    let isCurrent = true;
    const ask = async () => {
      const next = await api<SampleAccess>(runPath(key, "/sample-access"));
      if (!isCurrent) return;
      setAccess(next);
      if (next.root === undefined) return;
      const reply = await api<MarksReply>(runPath(key, "/marks"));
      if (isCurrent) take(reply);
    };
    ask().catch((reason: Error) => {
      if (isCurrent) setAccess({ problem: reason.message, canMark: false, canExplain: false });
    });
    return () => {
      isCurrent = false;
    };
  }, [key, isThere]);
  const send = async (sample: ShownSample, change: SampleMark | { readonly undo: true }, done: string) => {
    try {
      take(
        await api<MarksReply>(runPath(key, "/marks"), "POST", { sample: sample.sample, true: sample.true, ...change }),
      );
      setMessage(done);
    } catch (error) {
      setMessage((error as Error).message);
    }
  };
  const shown = access ?? { canMark: false, canExplain: false };
  return {
    access: { ...shown, canMark: shown.canMark && canWrite.value },
    isRead: access !== undefined,
    classes: classes.length > 0 ? classes : labels,
    markOf: (sample) => {
      const mark = marks.get(sample.sample);
      // An edit that the training had already.
      return mark !== undefined && "label" in mark && mark.label === sample.true ? undefined : mark;
    },
    mark: (sample, mark) =>
      send(sample, mark, "label" in mark ? `Marked: the label is ${mark.label}.` : "Marked as unreadable."),
    undo: (sample) => send(sample, { undo: true }, "Taken back."),
    message,
  };
}
