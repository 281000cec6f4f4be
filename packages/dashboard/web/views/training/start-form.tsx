import { useState } from "preact/hooks";
import type { Job, JobOptions, TrainingCheck } from "../../../src/job-types.ts";
import { ActionError, Problem } from "../../components/problem.tsx";
import { api } from "../../state/api.ts";
import { startJob } from "../../state/jobs.ts";
import { useAction } from "../../state/use-action.ts";

/** Networks that are often wanted; any other that the command knows can be typed. */
const networks = [
  ["resnet18", "good and fast: where nothing else is said"],
  ["resnet34", "slower, for many images"],
  ["resnet50", "slower again"],
  ["mobilenet_v3_small", "small and fast, for phones"],
  ["efficientnet_b0", "small files"],
  ["convnext_tiny", "accurate with published weights, slow"],
  ["vit_tiny_patch16_224", "a transformer"],
] as const;

interface StartFormProps {
  /** The training whose choices it begins with. */
  readonly before: Job | undefined;
  readonly onStart: () => void;
}

/** The choices that matter; what is left open is chosen by the command from the images and this machine. */
export function StartForm({ before, onStart }: StartFormProps) {
  const [time, setTime] = useState(before?.options.time ?? "");
  const [model, setModel] = useState(before?.options.model ?? "");
  const [size, setSize] = useState(before?.options.imageSize === undefined ? "" : String(before.options.imageSize));
  const [more, setMore] = useState((before?.options.overrides ?? []).join("\n"));
  const [check, setCheck] = useState<TrainingCheck>();
  const { error, isBusy, act } = useAction();
  const options: JobOptions = {
    ...(time.trim() !== "" && { time: time.trim() }),
    ...(model.trim() !== "" && { model: model.trim() }),
    ...(size !== "" && { imageSize: Number(size) }),
    ...(more.trim() !== "" && {
      overrides: more
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean),
    }),
  };
  const look = async () => {
    setCheck(undefined);
    const found = await api<TrainingCheck>("training-check", "POST", options);
    setCheck(found);
    return found.ok;
  };
  const start = async () => {
    if (!(await look())) return;
    await startJob("train", options);
    onStart();
  };
  return (
    <form
      class="card start-form"
      aria-label="Start a training"
      onSubmit={(event) => {
        event.preventDefault();
        void act(start);
      }}
    >
      <p class="note">
        Everything that you leave open is chosen from the images and from this machine; what was chosen, and why, is
        shown when the training begins.
      </p>
      <div class="fields">
        <label>
          Time
          <input
            type="text"
            list="times"
            placeholder="as long as it needs"
            value={time}
            onInput={(event) => setTime(event.currentTarget.value)}
          />
          <small>5m, 1h30m: the training fits itself to it</small>
        </label>
        <datalist id="times">
          {["2m", "5m", "20m", "1h", "8h"].map((text) => (
            <option key={text} value={text} />
          ))}
        </datalist>
        <label>
          Network
          <input
            type="text"
            list="networks"
            placeholder="resnet18"
            value={model}
            onInput={(event) => setModel(event.currentTarget.value)}
          />
          <small>
            {networks.find(([name]) => name === (model || "resnet18"))?.[1] ?? "by its name in torchvision or timm"}
          </small>
        </label>
        <datalist id="networks">
          {networks.map(([name, about]) => (
            <option key={name} value={name}>
              {about}
            </option>
          ))}
        </datalist>
        <label>
          Image size
          <input
            type="number"
            min="8"
            max="2048"
            placeholder="chosen"
            value={size}
            onInput={(event) => setSize(event.currentTarget.value)}
          />
          <small>pixels of a side: larger sees more, and is slower</small>
        </label>
      </div>
      <details open={more !== ""}>
        <summary>More options</summary>
        <label class="wide">
          Overrides, one a line
          <textarea
            rows={4}
            spellcheck={false}
            placeholder={"data.batch_size=32\ntransforms.flip=false"}
            value={more}
            onInput={(event) => setMore(event.currentTarget.value)}
          />
          <small>
            any value of the configuration, as on the command line; mirrored images are wrong for digits and text:
            transforms.flip=false
          </small>
        </label>
      </details>
      <p class="actions">
        <button type="submit" class="primary" disabled={isBusy}>
          Start training
        </button>
        <button type="button" disabled={isBusy} onClick={() => act(look)}>
          Only check
        </button>
        <span role="status">
          {isBusy ? "looking at the data and the choices ..." : check?.ok ? "nothing is in the way" : ""}
        </span>
      </p>
      {check !== undefined && check.remarks.length > 0 && (
        <ul class="remarks" aria-label="What the command says of the data">
          {check.remarks.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      {check?.problem !== undefined && <Problem problem={check.problem} />}
      <ActionError error={error} />
    </form>
  );
}
