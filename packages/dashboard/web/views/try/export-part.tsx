import { percent } from "@classifier-training/runs/analysis";
import { archiveName, type ExportReport, type Job } from "../../../src/job-types.ts";
import { CopyButton } from "../../components/copy-button.tsx";
import { JobStatus } from "../../components/job-status.tsx";
import { ActionError } from "../../components/problem.tsx";
import { canWrite } from "../../state/api.ts";
import { isOpen, jobs, startJob, useResult } from "../../state/jobs.ts";
import { useAction } from "../../state/use-action.ts";
import type { TryProps } from "./try-props.ts";

/** The model as one archive that needs neither this page nor LibTorch. */
export function ExportPart({ run }: TryProps) {
  const { error, isBusy, act } = useAction();
  const isOfRun = (one: Job) => one.kind === "export" && one.options.runs?.[0] === run.key;
  const job = jobs.value.find(isOfRun);
  const { job: made, value: report, error: unread } = useResult<ExportReport>(isOfRun);
  return (
    <>
      <p class="note">
        The archive has the model (ONNX), its classes, how images are prepared, samples with their expected outputs, and
        hashes of all files: what uses it can check that it computes the same.
      </p>
      {canWrite.value && (
        <p class="actions">
          <button
            type="button"
            class={report === undefined ? "primary" : ""}
            disabled={isBusy || (job !== undefined && isOpen(job))}
            onClick={() => act(() => startJob("export", { runs: [run.key] }))}
          >
            {report === undefined ? "Make the archive" : "Make it again"}
          </button>
        </p>
      )}
      <ActionError error={error || (unread ?? "")} />
      {job !== undefined && <JobStatus key={job.id} job={job} title="Export" />}
      {made !== undefined && report !== undefined && (
        <>
          <section class="card" aria-label="What was checked">
            <h3>What was checked</h3>
            <ul class="checks">
              {checksOf(report).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            {report.problems.length > 0 && <ActionError error={report.problems.join("\n")} />}
            <p class="actions">
              <a class="button primary" href={`api/job-archives/${made.id}`} download>
                {`Download (${(report.bytes / 2 ** 20).toFixed(1)} MB)`}
              </a>
            </p>
          </section>
          <Use name={archiveName(run.key)} />
        </>
      )}
    </>
  );
}

/** As the server names the file that is downloaded. */
function checksOf(report: ExportReport): readonly string[] {
  const { accuracy, split, parity, paritySamples = 0, files, golden, problems, largestDifference } = report;
  return [
    ...(accuracy === undefined
      ? []
      : [
          `On ${accuracy.n} images of ${split}, ${accuracy.correct} are right: ${percent(accuracy.correct / accuracy.n)} (95% interval ${percent(accuracy.low)} to ${percent(accuracy.high)}).`,
        ]),
    ...(parity === undefined
      ? []
      : [
          `Its outputs differ from those of the trained network by at most ${parity.toExponential(1)} (${paritySamples} images).`,
        ]),
    problems.length === 0
      ? `The archive was read again: ${files} files are as they were written, and ${golden} samples gave the same outputs (largest difference ${largestDifference.toExponential(1)}).`
      : "The archive was read again, and is not in order:",
  ];
}

function Use({ name }: { readonly name: string }) {
  return (
    <section class="card" aria-label="How it is used">
      <h3>In a program (Node.js)</h3>
      <Snippet
        of="the commands that install it"
        text="npm install @classifier-training/inference onnxruntime-node sharp"
      />
      <Snippet of="the program" text={programFor(name)} />
      <h3>On the command line</h3>
      <Snippet of="the command that predicts" text={`npx classifier predict ${name} photo.jpg`} />
      <Snippet of="the command that verifies it" text={`npx classifier bundle verify ${name}`} />
    </section>
  );
}

function programFor(name: string): string {
  return `import { OnnxClassifier } from "@classifier-training/inference";

const classifier = await OnnxClassifier.load("${name}");
const [classes] = await classifier.predict(["photo.jpg"]);
for (const { label, probability } of classes) console.log(label, probability.toFixed(3));
await classifier.close();`;
}

function Snippet({ text, of }: { readonly text: string; readonly of: string }) {
  return (
    <div class="snippet">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: without it, the keys could not scroll */}
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={text} of={of} />
    </div>
  );
}
