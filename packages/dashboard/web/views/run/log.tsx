import { useEffect, useState } from "preact/hooks";
import type { RunDetail, RunLog } from "../../../src/api-types.ts";
import { ScrollBox } from "../../components/scroll-box.tsx";
import { api, runPath } from "../../state/api.ts";

/** The end of what the run printed. */
export function Log({ detail }: { readonly detail: RunDetail }) {
  const { key, metricsVersion } = detail;
  const [log, setLog] = useState<RunLog | undefined>();
  useEffect(() => {
    let isCurrent = true;
    api<RunLog>(runPath(key, "/log")).then(
      (next) => isCurrent && setLog(next),
      () => isCurrent && setLog({ text: "", isCut: false }),
    );
    return () => {
      isCurrent = false;
    };
  }, [key, metricsVersion]);
  if (log === undefined) return <p class="note">Reading ...</p>;
  if (log.text === "") return <p class="note">This run has no log.</p>;
  return (
    <>
      {log.isCut && <p class="note">Only the end is shown: the whole log is in the run's folder.</p>}
      <ScrollBox label="Log">
        <pre>{log.text}</pre>
      </ScrollBox>
    </>
  );
}
