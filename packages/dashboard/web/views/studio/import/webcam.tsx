import { useEffect, useRef, useState } from "preact/hooks";
import type { ImportReply } from "../../../../src/studio-types.ts";
import { Dialog } from "../../../components/dialog.tsx";
import { api } from "../../../state/api.ts";
import { ClassField } from "../class-name.tsx";
import { edit } from "../store.ts";

/** Images of one press of the key are one edit. */
interface Burst {
  readonly images: { path: string; source: string }[];
  readonly label: string;
}

/** Takes images by the webcam, one or several a second as long as the space bar is held. */
export function Webcam({ onClose }: { readonly onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const burst = useRef<Burst | undefined>(undefined);
  const timer = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  const sending = useRef<Promise<void>>(Promise.resolve());
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  const [device, setDevice] = useState("");
  const [label, setLabel] = useState("");
  const [rate, setRate] = useState(4);
  const [taken, setTaken] = useState(0);
  const [isReady, setReady] = useState(false);
  const [message, setMessage] = useState("");

  useEffect(() => {
    let stream: MediaStream | undefined;
    let isOver = false;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const open = async () => {
      // Without a camera, or on a page that is not of this machine, there are none.
      if (navigator.mediaDevices === undefined) throw new Error("this browser does not let the page use a camera");
      stream = await navigator.mediaDevices.getUserMedia({
        video: {
          ...(device !== "" && { deviceId: { exact: device } }),
          width: { ideal: 1280 },
          height: { ideal: 720 },
        },
      });
      if (isOver) return stop();
      (video.current as HTMLVideoElement).srcObject = stream;
      setDevices((await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput"));
      setMessage("");
    };
    open().catch((error: Error) => isOver || setMessage(`The camera cannot be used: ${error.message}.`));
    return () => {
      isOver = true;
      stop();
    };
  }, [device]);
  useEffect(() => end, []);

  const take = () => {
    const { current: source } = video;
    const { current: into } = burst;
    if (source === null || into === undefined || source.videoWidth === 0) return;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [source.videoWidth, source.videoHeight];
    canvas.getContext("2d")?.drawImage(source, 0, 0);
    canvas.toBlob(
      (blob) => {
        if (blob !== null) sending.current = sending.current.then(() => send(blob, into));
      },
      "image/jpeg",
      0.92,
    );
  };
  const send = async (blob: Blob, into: Burst) => {
    try {
      const name = `webcam ${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.jpg`;
      const { files } = await api<ImportReply>(`studio/files?name=${encodeURIComponent(name)}`, "POST", blob);
      const [{ path, isNew, error } = { path: undefined, isNew: false, error: "no answer" }] = files;
      if (error !== undefined || path === undefined) throw new Error(error);
      if (!isNew || into.images.some((image) => image.path === path)) return;
      into.images.push({ path, source: name });
      setTaken((count) => count + 1);
    } catch (error) {
      setMessage(`Not saved: ${(error as Error).message}`);
    }
  };
  const start = () => {
    if (burst.current !== undefined || !isReady) return;
    burst.current = { images: [], label: label.trim() };
    take();
    timer.current = setInterval(take, 1000 / rate);
  };
  const end = () => {
    clearInterval(timer.current);
    const { current: ended } = burst;
    burst.current = undefined;
    if (ended === undefined) return;
    // The last image is made while the key is released.
    setTimeout(() => {
      sending.current = sending.current.then(async () => {
        const { images, label: name } = ended;
        if (images.length > 0) await edit({ op: "add", images, ...(name !== "" && { label: name }) });
      });
    }, 150);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== " " || (event.target as HTMLElement).closest("input, select, .dialog-actions") !== null) return;
    event.preventDefault();
    if (event.type === "keyup") end();
    else if (!event.repeat) start();
  };
  return (
    <Dialog title="Webcam" onClose={onClose} cancel="Close" class="preview webcam">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button does the same */}
      <div onKeyDown={press} onKeyUp={press}>
        <div class="toolbar">
          {devices.length > 1 && (
            <label>
              Camera{" "}
              <select value={device} onChange={(event) => setDevice(event.currentTarget.value)}>
                {devices.map(({ deviceId, label: name }, i) => (
                  <option key={deviceId} value={deviceId}>
                    {name || `camera ${i + 1}`}
                  </option>
                ))}
              </select>
            </label>
          )}
          <ClassField label="Class" value={label} onInput={setLabel} placeholder="none, known or new" />
          <label>
            Images a second{" "}
            <input
              type="number"
              min={1}
              max={15}
              value={rate}
              onInput={(event) => setRate(Math.min(15, Math.max(1, event.currentTarget.valueAsNumber || 1)))}
            />
          </label>
        </div>
        <video ref={video} class="mirrored" autoPlay muted playsInline onPlaying={() => setReady(true)} />
        <div class="toolbar">
          <button
            type="button"
            class="primary"
            disabled={!isReady}
            onPointerDown={start}
            onPointerUp={end}
            onPointerLeave={end}
          >
            Hold to take images (space)
          </button>
          <span class="count" role="status">{`${taken} taken`}</span>
        </div>
        {message !== "" && (
          <p class="note warning" role="alert">
            {message}
          </p>
        )}
      </div>
    </Dialog>
  );
}
