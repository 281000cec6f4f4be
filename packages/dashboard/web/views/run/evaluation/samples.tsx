import { useEffect, useRef, useState } from "preact/hooks";
import type { RunDetail } from "../../../../src/api-types.ts";
import type { EvaluationInfo, SampleQuery, SamplesReply, ShownSample } from "../../../../src/evaluation-types.ts";
import { ShowMore } from "../../../components/show-more.tsx";
import { api } from "../../../state/api.ts";
import { useMarks } from "./marks.ts";
import { Problem } from "./part.tsx";
import { canLabel, SampleCard } from "./sample-card.tsx";
import { evaluationPath } from "./state.ts";

interface SamplesProps {
  readonly detail: RunDetail;
  readonly evaluation: EvaluationInfo;
  readonly query: Readonly<Record<string, string>> & Partial<Record<keyof SampleQuery, string>>;
}

const samplesAtOnce = 48;

/** Samples of an evaluation with their images, and what can be done about them, by mouse and keys. */
export function Samples({ detail, evaluation, query }: SamplesProps) {
  const address = `${evaluationPath(detail.key, evaluation.id, "samples")}?${new URLSearchParams(query)}`;
  const { samples, total, error, more } = usePages(address, evaluation.version);
  const marks = useMarks(detail);
  const [activeIndex, setActive] = useState<number | undefined>();
  const [labeling, setLabeling] = useState<number | undefined>();
  const [explained, setExplained] = useState<ReadonlySet<number>>(new Set());
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    setExplained(new Set());
    setLabeling(undefined);
  }, [address]);
  if (error !== "") return <Problem text={error} />;
  if (samples === undefined) return <p class="note">Reading ...</p>;
  if (total === 0) return <p class="note">There are no such images.</p>;
  const activeAt = Math.max(
    0,
    samples.findIndex(({ index }) => index === activeIndex),
  );
  const focusCard = (at: number) => list.current?.querySelector<HTMLElement>(`[data-at="${at}"]`)?.focus();
  const move = (by: number) => {
    const next = samples[activeAt + by];
    if (next === undefined) {
      if (by > 0) more?.();
      return;
    }
    setActive(next.index);
    focusCard(activeAt + by);
  };
  const explain = ({ index }: ShownSample) =>
    setExplained((before) => {
      const next = new Set(before);
      if (!next.delete(index)) next.add(index);
      return next;
    });
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const sample = samples[activeAt];
    if (target.closest(".combobox") !== null || sample === undefined || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const { canMark, canExplain } = marks.access;
    if (event.key === "j" || event.key === "ArrowDown") move(1);
    else if (event.key === "k" || event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter" && target.hasAttribute("data-at") && canMark && canLabel(sample))
      setLabeling(sample.index);
    else if (event.key === "u" && canMark) void marks.mark(sample, { isUnreadable: true });
    else if (event.key === "z" && canMark) void marks.undo(sample);
    else if (event.key === "g" && canExplain) explain(sample);
    else return;
    event.preventDefault();
  };
  return (
    <div class="samples">
      <SamplesHelp marks={marks} />
      <ul ref={list} class="sample-list" onKeyDown={onKey}>
        {samples.map((sample, at) => (
          <SampleCard
            key={sample.index}
            at={at}
            detail={detail}
            sample={sample}
            marks={marks}
            isActive={at === activeAt}
            isLabeling={labeling === sample.index}
            isExplained={explained.has(sample.index)}
            onFocus={() => setActive(sample.index)}
            onLabel={(isOpen) => {
              setLabeling(isOpen ? sample.index : undefined);
              if (!isOpen) focusCard(at);
            }}
            onExplain={() => explain(sample)}
          />
        ))}
      </ul>
      <p class="samples-end">
        <span class="count" role="status">{`${samples.length} of ${total} images`}</span>
        {more !== undefined && <ShowMore shown={samples.length} total={total} step={samplesAtOnce} onMore={more} />}
      </p>
    </div>
  );
}

/** What the keys do, why there are no images, and what was marked last. */
function SamplesHelp({ marks: { access, message, isRead } }: { readonly marks: ReturnType<typeof useMarks> }) {
  const keys = [
    "j and k move",
    ...(access.canMark ? ["Enter chooses the right label", "u marks as unreadable", "z takes back"] : []),
    ...(access.canExplain ? ["g shows Grad-CAM"] : []),
  ];
  return (
    <>
      {isRead && access.problem !== undefined && <p class="note warning">{access.problem}</p>}
      <p class="note">{`${keys.join(", ")}.`}</p>
      <p class="hidden-label" role="status">
        {message}
      </p>
    </>
  );
}

interface Pages {
  readonly samples: readonly ShownSample[] | undefined;
  readonly total: number;
  readonly error: string;
  /** Asks for the next page; undefined when all are there. */
  readonly more: (() => void) | undefined;
}

/** Samples, a page at a time; those of the last address stay until the next ones are there. */
function usePages(address: string, version: string): Pages {
  const [state, setState] = useState<{
    readonly address: string;
    readonly samples?: readonly ShownSample[];
    readonly total: number;
    readonly error: string;
  }>({ address: "", total: 0, error: "" });
  const wanted = useRef("");
  const ask = (before: readonly ShownSample[]) => {
    const own = `${address} ${version}`;
    wanted.current = own;
    api<SamplesReply>(`${address}&offset=${before.length}&limit=${samplesAtOnce}`).then(
      ({ samples, total }) =>
        wanted.current === own && setState({ address, samples: [...before, ...samples], total, error: "" }),
      (reason: Error) => wanted.current === own && setState({ address, total: 0, error: reason.message }),
    );
  };
  useEffect(() => ask([]), [address, version]);
  const { samples, total, error } = state;
  const isAll = samples === undefined || samples.length >= total || state.address !== address;
  return { samples, total, error, more: isAll ? undefined : () => ask(samples) };
}
