import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { StudioImage, StudioImageDetails } from "../../../../src/studio-types.ts";
import { Dialog } from "../../../components/dialog.tsx";
import { api } from "../../../state/api.ts";
import { timeText } from "../../../state/format.ts";
import { ClassName } from "../class-name.tsx";
import { imageUrl, nameOf } from "../store.ts";
import { splitTitles } from "./tile.tsx";

interface PreviewProps {
  readonly image: StudioImage;
  /** Undefined where there is none. */
  readonly onPrevious: (() => void) | undefined;
  readonly onNext: (() => void) | undefined;
  readonly onClose: () => void;
}

const zooms = [1, 2, 4, 8] as const;

/** One image as large as it can be shown, what is known of it, and its neighbors by the arrow keys. */
export function Preview({ image, onPrevious, onNext, onClose }: PreviewProps) {
  const { path } = image;
  const [zoom, setZoom] = useState<number>(1);
  const [details, setDetails] = useState<StudioImageDetails | undefined>(undefined);
  const [message, setMessage] = useState("");
  useEffect(() => {
    let isOver = false;
    setDetails(undefined);
    setMessage("");
    setZoom(1);
    const address = `studio/details/${path.split("/").map(encodeURIComponent).join("/")}`;
    api<StudioImageDetails>(address).then(
      (known) => isOver || setDetails(known),
      (error: Error) => isOver || setMessage(error.message),
    );
    return () => {
      isOver = true;
    };
  }, [path]);
  const at = zooms.indexOf(zoom as (typeof zooms)[number]);
  const step = (by: number) => setZoom(zooms[Math.min(zooms.length - 1, Math.max(0, at + by))] as number);
  // Before the next key comes: an ordinary effect may still know the zoom before.
  useLayoutEffect(() => {
    // Of the document: a click beside the buttons takes the focus out of the dialog.
    const press = (event: KeyboardEvent) => {
      if (event.key === "ArrowRight" && zoom === 1) onNext?.();
      else if (event.key === "ArrowLeft" && zoom === 1) onPrevious?.();
      else if (event.key === "+") step(1);
      else if (event.key === "-") step(-1);
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
  const problem = details?.error ?? message;
  return (
    <Dialog title={nameOf(image)} onClose={onClose} cancel="Close" class="preview">
      <div class="preview-body">
        {/* Not `disabled`, which would take the focus from the button that was pressed. */}
        <div class="toolbar">
          <button type="button" aria-disabled={onPrevious === undefined} onClick={onPrevious}>
            ← Previous
          </button>
          <button type="button" aria-disabled={onNext === undefined} onClick={onNext}>
            Next →
          </button>
          <button type="button" aria-label="Zoom out" aria-disabled={at === 0} onClick={() => step(-1)}>
            −
          </button>
          <span class="count">{zoom === 1 ? "whole image" : `${zoom} times`}</span>
          <button type="button" aria-label="Zoom in" aria-disabled={at === zooms.length - 1} onClick={() => step(1)}>
            +
          </button>
        </div>
        {problem === "" ? (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, the keys could not scroll
          <section class="preview-image" aria-label="Image" tabIndex={0}>
            <img
              class={zoom === 1 ? "" : "zoomed"}
              alt={nameOf(image)}
              src={imageUrl(path, zoom === 1 ? "previews" : "full")}
              style={{ width: `${zoom * 100}%` }}
            />
          </section>
        ) : (
          <p class="note warning" role="alert">
            {problem}
          </p>
        )}
        <dl class="facts">
          <dt>Class</dt>
          <dd>
            <ClassName name={image.label} />
            {image.isConfirmed && " (confirmed)"}
          </dd>
          <dt>File</dt>
          <dd>{path}</dd>
          {image.excluded !== undefined && (
            <>
              <dt>Left out</dt>
              <dd>{image.excluded}</dd>
            </>
          )}
          <dt>Split</dt>
          <dd>{image.split === undefined ? "training chooses" : splitTitles[image.split]}</dd>
          {details !== undefined && (
            <>
              <dt>Size</dt>
              <dd>
                {details.width === undefined ? "" : `${details.width} × ${details.height} px, `}
                {bytesText(details.bytes)}
                {details.format === undefined ? "" : `, ${details.format}`}
                {details.orientation === undefined ? "" : `, EXIF orientation ${details.orientation}`}
              </dd>
              <dt>Changed</dt>
              <dd>{timeText(details.modifiedAt)}</dd>
            </>
          )}
        </dl>
      </div>
    </Dialog>
  );
}

function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
