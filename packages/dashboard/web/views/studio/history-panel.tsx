import { useEffect, useState } from "preact/hooks";
import type { StudioHistory } from "../../../src/studio-types.ts";
import { api } from "../../state/api.ts";
import { timeText } from "../../state/format.ts";
import { canRedo, canUndo, redo, studioState, undo } from "./store.ts";

/** All edits in words, and the way back to any of them. */
export function HistoryPanel() {
  const [history, setHistory] = useState<StudioHistory | undefined>(undefined);
  const [message, setMessage] = useState("");
  const cursor = studioState.value?.cursor;
  useEffect(() => {
    api<StudioHistory>("studio/history").then(setHistory, (error: Error) => setMessage(error.message));
  }, [cursor]);
  return (
    <div class="history-panel">
      <p class="note">
        Every edit is a line of <code>.classifier/edits.jsonl</code> in the folder. The images themselves are never
        changed, and each edit can be taken back.
      </p>
      <div class="toolbar">
        <button type="button" disabled={!canUndo.value} onClick={() => void undo()}>
          Undo
        </button>
        <button type="button" disabled={!canRedo.value} onClick={() => void redo()}>
          Redo
        </button>
        <button type="button" disabled={!canUndo.value} onClick={() => void undo(0)}>
          Undo everything
        </button>
      </div>
      {message !== "" && (
        <p class="note warning" role="alert">
          {message}
        </p>
      )}
      {history?.edits.length === 0 && history.undone.length === 0 && <p class="note">Nothing was edited yet.</p>}
      <ol class="history" aria-label="Edits, the newest first">
        {[...(history?.undone ?? [])].reverse().map(({ line, time, words }) => (
          <li key={`undone ${line}`} class="undone">
            <time dateTime={time}>{timeText(Date.parse(time))}</time>
            <bdi>{words}</bdi>
            <small>taken back</small>
          </li>
        ))}
        {history?.edits.map(({ line, time, words }, i) => (
          <li key={line}>
            <time dateTime={time}>{timeText(Date.parse(time))}</time>
            <bdi>{words}</bdi>
            {i > 0 && (
              <button
                type="button"
                class="link"
                aria-label={`Undo what came after: ${words}`}
                onClick={() => void undo(line)}
              >
                Undo what came after
              </button>
            )}
          </li>
        ))}
      </ol>
      {history !== undefined && history.earlier > 0 && (
        <p class="note">{`${history.earlier} earlier edits are not listed.`}</p>
      )}
    </div>
  );
}
