import { useEffect, useState } from "preact/hooks";
import "../../style/studio.css";
import { TabPanel, Tabs } from "../../components/tabs.tsx";
import { canWrite, extensions } from "../../state/api.ts";
import { param } from "../../state/params.ts";
import { ClassesPanel } from "./classes-panel.tsx";
import { HistoryPanel } from "./history-panel.tsx";
import { ImagesPanel } from "./images-panel.tsx";
import { droppedFiles, type GivenFile, givenFiles } from "./import/dropped-files.ts";
import { ImportButtons } from "./import/import-buttons.tsx";
import { ImportDialog } from "./import/import-dialog.tsx";
import { ImportStatus } from "./import/import-status.tsx";
import { importProgress } from "./import/upload.ts";
import { Webcam } from "./import/webcam.tsx";
import { LabelPanel } from "./label/label-panel.tsx";
import { SplitPanel } from "./split-panel.tsx";
import {
  announcement,
  canRedo,
  canUndo,
  classes,
  failure,
  images,
  isLoaded,
  redo,
  studioState,
  undo,
} from "./store.ts";

const partParam = param("part", "images");

const parts = [
  { id: "images", title: "All images" },
  { id: "label", title: "Label" },
  { id: "classes", title: "Classes" },
  { id: "split", title: "Split" },
  { id: "history", title: "History" },
] as const;

/** The images of a folder: imported, labeled, split. */
export function Studio() {
  const [given, setGiven] = useState<readonly GivenFile[]>([]);
  const [hasWebcam, setWebcam] = useState(false);
  const [isOver, setOver] = useState(false);
  const open = parts.find(({ id }) => id === partParam.value)?.id ?? "images";
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      setOver(false);
      droppedFiles(event.dataTransfer).then(offer, (error: Error) => {
        failure.value = `The files cannot be read: ${error.message}`;
      });
    };
    const paste = (event: ClipboardEvent) => offer(givenFiles(event.clipboardData?.files ?? []));
    const handlers = { dragenter: over, dragover: over, dragleave: leave, drop, paste };
    for (const [name, handler] of Object.entries(handlers)) document.addEventListener(name, handler as EventListener);
    return () => {
      for (const [name, handler] of Object.entries(handlers))
        document.removeEventListener(name, handler as EventListener);
    };
  }, []);
  const offer = (files: readonly GivenFile[]) => {
    if (files.length === 0) return;
    if (importProgress.value?.isRunning) failure.value = "An import is running: wait for its end, or cancel it.";
    else setGiven(files);
  };
  if (!canWrite.value)
    return <p class="note">Read only: open the address that the command printed to label and import images.</p>;
  if (!isLoaded.value || (studioState.value?.isReading && images.value.length === 0))
    return <p class="note">Reading the folder ...</p>;
  const isEmpty = images.value.length === 0;
  const panels = {
    images: () => <ImagesPanel onFiles={offer} onWebcam={() => setWebcam(true)} />,
    label: () => <LabelPanel />,
    classes: () => <ClassesPanel />,
    split: () => <SplitPanel />,
    history: () => <HistoryPanel />,
  };
  return (
    <div class={`studio ${isOver ? "dropping" : ""}`}>
      <div class="studio-head">
        <Tabs
          name="studio"
          label="Parts of the studio"
          class="inner"
          tabs={parts}
          open={open}
          onOpen={(id) => partParam.set(id)}
        />
        <div class="undo">
          <button type="button" disabled={!canUndo.value} onClick={() => void undo()}>
            Undo
          </button>
          <button type="button" disabled={!canRedo.value} onClick={() => void redo()}>
            Redo
          </button>
        </div>
      </div>
      <Messages />
      <ImportStatus />
      <TabPanel name="studio" open={open} class="studio-part">
        {isEmpty && open !== "history" && open !== "classes" ? (
          <FirstScreen onFiles={offer} onWebcam={() => setWebcam(true)} />
        ) : (
          panels[open]()
        )}
      </TabPanel>
      {given.length > 0 && <ImportDialog files={given} onClose={() => setGiven([])} />}
      {hasWebcam && <Webcam onClose={() => setWebcam(false)} />}
      {isOver && <div class="drop-hint">Drop images, folders or zip archives here</div>}
    </div>
  );
}

/** What was done, what was not, and what to know of the folder. */
function Messages() {
  return (
    <>
      <p class="announcement" role="status">
        {announcement.value || nextStep()}
      </p>
      {failure.value !== "" && (
        <p class="note warning" role="alert">
          {failure.value}{" "}
          <button type="button" class="link" onClick={() => (failure.value = "")}>
            Close
          </button>
        </p>
      )}
      {studioState.value?.notices.map((notice) => (
        <p key={notice} class="note warning">
          {notice}
        </p>
      ))}
    </>
  );
}

/** What a stranger does next. */
function nextStep(): string {
  const used = images.value.filter(({ excluded }) => excluded === undefined);
  const unlabeled = used.filter(({ label }) => label === undefined).length;
  if (used.length === 0) return "";
  if (classes.value.length < 2) return "Next: add two or more classes (Classes), then label the images (Label).";
  if (unlabeled > 0) return `Next: label the images without a label (${unlabeled.toLocaleString("en")} in Label).`;
  const next = extensions.value?.includes("jobs") ? " Next: look through them (Review), then train (Train)." : "";
  return `All ${used.length.toLocaleString("en")} images have a label.${next}`;
}

interface FirstScreenProps {
  readonly onFiles: (files: readonly GivenFile[]) => void;
  readonly onWebcam: () => void;
}

function FirstScreen({ onFiles, onWebcam }: FirstScreenProps) {
  return (
    <div class="first-screen">
      <h2>Drop photos or folders here</h2>
      <p>or paste an image, or choose:</p>
      <div class="toolbar">
        <ImportButtons onFiles={onFiles} onWebcam={onWebcam} />
      </div>
      <ol>
        <li>Import images: folders become classes, if you like.</li>
        <li>Label the others by keys, and look through what you have.</li>
        <li>Train a network on them, try it on new images, and take it with you.</li>
      </ol>
      <p class="note">
        The folder is <code>{studioState.value?.folder}</code>. Files that appear in it appear here.
      </p>
    </div>
  );
}
