import { useEffect, useRef, useState } from "preact/hooks";
import type { Prediction } from "../../../src/job-types.ts";
import { ActionError } from "../../components/problem.tsx";
import { api, canWrite } from "../../state/api.ts";
import { useAction } from "../../state/use-action.ts";
import { ClassField } from "../studio/class-name.tsx";
import { addToData, labelInData } from "./add-to-data.ts";
import { PredictionBars } from "./prediction-bars.tsx";
import type { TryProps } from "./try-props.ts";

interface Tried {
  readonly id: number;
  readonly file: File;
}

let count = 0;
/** More are not kept on the page. */
const mostShown = 60;

/** New images, dropped, pasted or chosen. */
export function ImagesPart({ run, canLabel }: TryProps) {
  const [tried, setTried] = useState<readonly Tried[]>([]);
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const add = (files: Iterable<File>) => {
    const images = [...files].filter(({ type, name }) => type.startsWith("image/") || /\.\w+$/.test(name));
    setTried((before) => [...images.map((file) => ({ id: count++, file })), ...before].slice(0, mostShown));
  };
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) add(files);
    };
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  }, []);
  if (!canWrite.value) return <p class="note">Images are tried by whoever has the address that the studio printed.</p>;
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button in it does the same */}
      <div
        class={`drop-place ${isOver ? "over" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          add(event.dataTransfer?.files ?? []);
        }}
      >
        <p>Drop images here, paste one, or</p>
        <button type="button" class="primary" onClick={() => input.current?.click()}>
          Choose images
        </button>
        <input
          ref={input}
          type="file"
          accept="image/*"
          multiple
          hidden
          aria-label="Images to try"
          onChange={(event) => {
            add(event.currentTarget.files ?? []);
            event.currentTarget.value = "";
          }}
        />
      </div>
      <ul class="tried" aria-label="Images that were tried">
        {tried.map(({ id, file }) => (
          <TriedImage key={id} file={file} run={run.key} canLabel={canLabel} />
        ))}
      </ul>
    </>
  );
}

/** Images are sent one after the other: the model has one thread. */
let last: Promise<unknown> = Promise.resolve();

function predict(file: Blob, run: string): Promise<Prediction> {
  const ask = () => api<Prediction>(`predictions?run=${encodeURIComponent(run)}`, "POST", file);
  const result = last.then(ask, ask);
  last = result.catch(() => {});
  return result;
}

interface TriedImageProps {
  readonly file: File;
  readonly run: string;
  readonly canLabel: boolean;
}

function TriedImage({ file, run, canLabel }: TriedImageProps) {
  const url = useObjectUrl(file);
  const [prediction, setPrediction] = useState<Prediction>();
  const [added, setAdded] = useState<{ readonly path: string; readonly label: string }>();
  const [other, setOther] = useState("");
  const predicting = useAction();
  const { error, isBusy, act } = useAction();
  useEffect(() => {
    void predicting.act(async () => setPrediction(await predict(file, run)));
  }, [file, run]);
  const add = (label: string) =>
    act(async () => {
      if (added === undefined) setAdded({ path: await addToData(file, file.name || "pasted.png", label), label });
      else {
        await labelInData(added.path, label);
        setAdded({ ...added, label });
      }
    });
  return (
    <li class="card tried-image">
      {url !== "" && <img src={url} alt={file.name} />}
      <div>
        <p class="run-name" title={file.name}>
          <bdi>{file.name}</bdi>
          {prediction !== undefined && <small>{` ${prediction.ms.toFixed(0)} ms`}</small>}
        </p>
        {predicting.isBusy && <p class="note">Looking at it ...</p>}
        <ActionError error={predicting.error} />
        {prediction !== undefined && (
          <PredictionBars
            classes={prediction.classes}
            label={added?.label}
            onLabel={canLabel && !isBusy ? add : undefined}
          />
        )}
        {canLabel && prediction !== undefined && (
          <form
            class="actions"
            onSubmit={(event) => {
              event.preventDefault();
              if (other.trim() !== "") void add(other.trim());
            }}
          >
            <ClassField label="It is something else:" value={other} onInput={setOther} />
            <button type="submit" disabled={isBusy || other.trim() === ""}>
              Add
            </button>
          </form>
        )}
        {added !== undefined && <p class="note" role="status">{`It is in the data as ${added.label}.`}</p>}
        <ActionError error={error} />
      </div>
    </li>
  );
}

/** An address for bytes of the page, freed with what shows it. */
function useObjectUrl(blob: Blob): string {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}
