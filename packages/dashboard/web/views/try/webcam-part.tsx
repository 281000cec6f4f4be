import { useEffect, useRef, useState } from "preact/hooks";
import type { Prediction } from "../../../src/job-types.ts";
import { ActionError } from "../../components/problem.tsx";
import { api, canWrite } from "../../state/api.ts";
import { useAction } from "../../state/use-action.ts";
import { addToData } from "./add-to-data.ts";
import { PredictionBars } from "./prediction-bars.tsx";
import { smoothed } from "./smoothing.ts";
import type { TryProps } from "./try-props.ts";

/** What is sent of a frame: the network sees less. */
const side = 480;
/** Between two frames. */
const pauseMs = 120;
/** Classes that a frame is asked for: more than are shown, because the mean of frames is. */
const asked = 12;
const shown = 5;

/** The model on the webcam, a few frames a second. */
export function WebcamPart({ run, canLabel }: TryProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [stream, setStream] = useState<MediaStream>();
  const [isSmooth, setSmooth] = useState(true);
  const [classes, setClasses] = useState<Prediction["classes"]>([]);
  const [speed, setSpeed] = useState("");
  const [said, setSaid] = useState("");
  const { error, isBusy, act } = useAction();
  const isSmoothNow = useRef(isSmooth);
  isSmoothNow.current = isSmooth;
  const start = () =>
    act(async () => {
      if (navigator.mediaDevices === undefined)
        throw new Error("this browser gives the webcam only to pages of this machine, or over https");
      setStream(await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }));
    });
  useEffect(() => {
    if (stream === undefined) return undefined;
    const element = video.current as HTMLVideoElement;
    element.srcObject = stream;
    let isCurrent = true;
    void act(async () => {
      await element.play();
      let before: Prediction["classes"] = [];
      while (isCurrent) {
        const began = performance.now();
        const frame = await frameOf(element);
        const path = `predictions?run=${encodeURIComponent(run.key)}&classes=${asked}`;
        const { classes: now, ms } = await api<Prediction>(path, "POST", frame);
        if (!isCurrent) return;
        before = isSmoothNow.current ? smoothed(before, now) : now;
        setClasses(before.slice(0, shown));
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        setSpeed(
          `${(1000 / (performance.now() - began)).toFixed(1)} frames a second, ${ms.toFixed(0)} ms for each image`,
        );
      }
    });
    return () => {
      isCurrent = false;
      for (const track of stream.getTracks()) track.stop();
    };
  }, [stream]);
  const stop = () => {
    setStream(undefined);
    setClasses([]);
    setSpeed("");
  };
  const add = (label: string) =>
    act(async () => {
      await addToData(await frameOf(video.current as HTMLVideoElement), "webcam.jpg", label);
      setSaid(`A frame is in the data as ${label}.`);
    });
  if (!canWrite.value)
    return <p class="note">The webcam is tried by whoever has the address that the studio printed.</p>;
  return (
    <section class="card try-webcam" aria-label="Webcam">
      <p class="actions">
        {stream === undefined ? (
          <button type="button" class="primary" disabled={isBusy} onClick={start}>
            Start the webcam
          </button>
        ) : (
          <button type="button" onClick={stop}>
            Stop the webcam
          </button>
        )}
        <label class="check">
          <input type="checkbox" checked={isSmooth} onChange={(event) => setSmooth(event.currentTarget.checked)} />
          Smooth over frames
        </label>
        <small>{speed}</small>
      </p>
      <ActionError error={error} />
      {stream !== undefined && (
        <div class="tried-image">
          <video ref={video} muted playsInline aria-label="What the webcam sees" />
          <PredictionBars classes={classes} onLabel={canLabel ? add : undefined} />
        </div>
      )}
      <p class="note" role="status">
        {said}
      </p>
    </section>
  );
}

/** The frame that is shown, as a JPEG file. */
async function frameOf(video: HTMLVideoElement): Promise<Blob> {
  const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight, 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(video.videoWidth * scale));
  canvas.height = Math.max(1, Math.round(video.videoHeight * scale));
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  if (blob === null) throw new Error("the browser made no image of the frame");
  return blob;
}
