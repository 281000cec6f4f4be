import { useState } from "preact/hooks";
import type { RunSummary } from "../../../src/api-types.ts";
import { Dialog } from "../../components/dialog.tsx";
import { nameOf } from "../../state/runs.ts";
import { selectedKeys, selectOnly } from "../../state/selection.ts";
import { remove } from "./write.ts";

interface DeleteDialogProps {
  readonly runs: readonly RunSummary[];
  readonly onClose: () => void;
}

/** Asks before folders are deleted. */
export function DeleteDialog({ runs, onClose }: DeleteDialogProps) {
  const [message, setMessage] = useState("");
  const [isBusy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    try {
      await remove(runs);
      selectOnly(selectedKeys.value.filter((key) => !runs.some((run) => run.key === key)));
      onClose();
    } catch (error) {
      setMessage((error as Error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={runs.length === 1 ? "Delete this run?" : `Delete these ${runs.length} runs?`}
      onClose={onClose}
      actions={
        <button type="button" class="danger" disabled={isBusy} onClick={confirm}>
          Delete for ever
        </button>
      }
    >
      <p>
        Their folders are deleted with all that is in them: metrics, images, exported models. Checkpoints that lie
        elsewhere stay.
      </p>
      <ul class="names">
        {runs.map((run) => (
          <li key={run.key}>
            {nameOf(run)} <small>{run.key}</small>
          </li>
        ))}
      </ul>
      {message !== "" && (
        <p class="note warning" role="alert">
          {message}
        </p>
      )}
    </Dialog>
  );
}
