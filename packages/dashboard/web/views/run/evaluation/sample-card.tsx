import { useEffect, useRef, useState } from "preact/hooks";
import type { RunDetail } from "../../../../src/api-types.ts";
import type { ShownSample } from "../../../../src/evaluation-types.ts";
import { Combobox } from "../../../components/combobox.tsx";
import { runPath } from "../../../state/api.ts";
import type { Marks } from "./marks.ts";
import { percentText } from "./part.tsx";

interface SampleCardProps {
  readonly at: number;
  readonly detail: RunDetail;
  readonly sample: ShownSample;
  readonly marks: Marks;
  readonly isActive: boolean;
  /** The field for the right label is open. */
  readonly isLabeling: boolean;
  readonly isExplained: boolean;
  readonly onFocus: () => void;
  readonly onLabel: (isOpen: boolean) => void;
  readonly onExplain: () => void;
}

/** The address of the image of a sample. */
export function sampleAddress(key: string, sample: string, what: "sample-image" | "grad-cam" = "sample-image"): string {
  return `api/${runPath(key, `/${what}`)}?sample=${encodeURIComponent(sample)}`;
}

/** An edit gives an image one label: those of several labels cannot be corrected here. */
export function canLabel({ counts }: ShownSample): boolean {
  return counts === undefined;
}

/** One sample: its image, what was predicted, and what can be done about it. */
export function SampleCard(props: SampleCardProps) {
  const { at, detail, sample, marks, isActive, isLabeling, isExplained, onFocus, onLabel, onExplain } = props;
  const { confidence, isWrong, topK, loss, metadata, counts } = sample;
  const name = sample.sample.split(/[\\/]/).at(-1) ?? sample.sample;
  const mark = marks.markOf(sample);
  const { canMark, canExplain, root } = marks.access;
  const label = isWrong
    ? `${name}: ${sample.true || "none"}, predicted as ${sample.predicted || "none"}`
    : `${name}: ${sample.predicted || "none"}, right`;
  return (
    <li
      data-at={at}
      tabIndex={isActive ? 0 : -1}
      aria-label={`${label}, ${confidence === null ? "no confidence" : percentText(confidence)}`}
      class={`sample ${isWrong ? "wrong" : "right"}${mark === undefined ? "" : " marked"}`}
      onFocus={onFocus}
    >
      <div class={`sample-images${isExplained ? " two" : ""}`}>
        {root !== undefined && <SampleImage address={sampleAddress(detail.key, sample.sample)} alt={name} />}
        {isExplained && (
          <SampleImage
            address={`${sampleAddress(detail.key, sample.sample, "grad-cam")}&class=${encodeURIComponent(topK?.[0]?.[0] ?? sample.predicted)}`}
            alt={`Grad-CAM of ${name}`}
          />
        )}
      </div>
      <p class="sample-labels">
        <span class="class-name">{sample.true || "none"}</span>
        {isWrong ? (
          <>
            <span aria-hidden="true"> → </span>
            <strong class="class-name worse">{sample.predicted || "none"}</strong>
          </>
        ) : (
          <span class="good"> ✓</span>
        )}
      </p>
      <p class="sample-facts">
        <span>{confidence === null ? "no confidence (NaN)" : percentText(confidence)}</span>
        {loss !== undefined && <span>{loss === null ? "loss NaN" : `loss ${loss.toFixed(2)}`}</span>}
        {counts !== undefined && <span>{`${counts.tp} right, ${counts.fp} too many, ${counts.fn} missing`}</span>}
      </p>
      <p class="sample-path" title={sample.sample}>
        {name}
      </p>
      {(topK !== undefined || metadata !== undefined) && (
        <details>
          <summary>More</summary>
          <dl class="top-k">
            {topK?.map(([one, probability]) => (
              <div key={one}>
                <dt>{one}</dt>
                <dd>{percentText(Number.isFinite(probability) ? probability : null) || "NaN"}</dd>
              </div>
            ))}
            {Object.entries(metadata ?? {}).map(([one, value]) => (
              <div key={`metadata ${one}`}>
                <dt>{one}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {mark !== undefined && (
        <p class="sample-mark">{"label" in mark ? `label: ${mark.label}` : "unreadable: left out"}</p>
      )}
      {isLabeling && <LabelChooser sample={sample} marks={marks} onLabel={onLabel} />}
      <div class="sample-actions">
        {canMark && mark === undefined && (
          <>
            {canLabel(sample) && (
              <button type="button" aria-expanded={isLabeling} onClick={() => onLabel(!isLabeling)}>
                Label is wrong
              </button>
            )}
            <button type="button" onClick={() => void marks.mark(sample, { isUnreadable: true })}>
              Unreadable
            </button>
          </>
        )}
        {canMark && mark !== undefined && (
          <button type="button" onClick={() => void marks.undo(sample)}>
            Take back
          </button>
        )}
        {canExplain && (
          <button type="button" aria-pressed={isExplained} onClick={onExplain}>
            Grad-CAM
          </button>
        )}
      </div>
    </li>
  );
}

/** The right label: the prediction first. */
function LabelChooser({ sample, marks, onLabel }: Pick<SampleCardProps, "sample" | "marks" | "onLabel">) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector("input")?.focus(), []);
  const guesses = new Map(sample.topK ?? [[sample.predicted, sample.confidence ?? 0]]);
  const names = [...new Set([sample.predicted, ...guesses.keys(), ...marks.classes])].filter(
    (name) => name !== "" && name !== sample.true,
  );
  const options = names.map((name) => {
    const probability = guesses.get(name);
    return { id: name, title: name, ...(probability !== undefined && { about: percentText(probability) }) };
  });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes the field in it
    <div
      ref={box}
      class="label-chooser"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        onLabel(false);
      }}
    >
      <Combobox
        label="Right label"
        options={options}
        value=""
        placeholder={sample.predicted}
        onChoose={(label) => {
          onLabel(false);
          void marks.mark(sample, { label });
        }}
      />
    </div>
  );
}

/** An image in a box of a fixed size; what is wrong with it instead, where it cannot be shown. */
export function SampleImage({ address, alt }: { readonly address: string; readonly alt: string }) {
  const [problem, setProblem] = useState("");
  const [isLoading, setLoading] = useState(true);
  useEffect(() => {
    setProblem("");
    setLoading(true);
  }, [address]);
  const ask = async () => {
    setLoading(false);
    const response = await fetch(address).catch(() => undefined);
    const reply = (await response?.json().catch(() => undefined)) as { readonly error?: string } | undefined;
    setProblem(reply?.error ?? "The image cannot be shown.");
  };
  return (
    <div class="sample-image">
      {isLoading && problem === "" && <small class="sample-loading">loading ...</small>}
      {problem === "" ? (
        <img loading="lazy" decoding="async" alt={alt} src={address} onLoad={() => setLoading(false)} onError={ask} />
      ) : (
        <p class="note">{problem}</p>
      )}
    </div>
  );
}
