import { useRef } from "preact/hooks";
import { type GivenFile, givenFiles } from "./dropped-files.ts";

interface ImportButtonsProps {
  readonly onFiles: (files: readonly GivenFile[]) => void;
  readonly onWebcam: () => void;
}

/** Ways to import: files, a folder, the webcam. Dropping and pasting are those of the whole page. */
export function ImportButtons({ onFiles, onWebcam }: ImportButtonsProps) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const take = (input: HTMLInputElement) => {
    const given = givenFiles(input.files ?? []);
    // The same files can be chosen again.
    input.value = "";
    if (given.length > 0) onFiles(given);
  };
  return (
    <>
      <button type="button" class="primary" onClick={() => files.current?.click()}>
        Import files ...
      </button>
      <button type="button" onClick={() => folder.current?.click()}>
        Import a folder ...
      </button>
      <button type="button" onClick={onWebcam}>
        Webcam ...
      </button>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        aria-label="Files to import"
        accept="image/*,.zip,.ppm,.pgm,.bmp,.tif,.tiff"
        onChange={(event) => take(event.currentTarget)}
      />
      <input
        ref={(element) => {
          folder.current = element;
          element?.setAttribute("webkitdirectory", "");
        }}
        type="file"
        hidden
        aria-label="Folder to import"
        onChange={(event) => take(event.currentTarget)}
      />
    </>
  );
}
