import { cancelImport, importProgress, importSummary } from "./upload.ts";

const maxListed = 100;

/** How far the import is, and which files could not be read. */
export function ImportStatus() {
  const progress = importProgress.value;
  if (progress === undefined) return null;
  const { done, total, failed, isRunning } = progress;
  return (
    <section class="import-status" aria-label="Import">
      <span>
        {isRunning
          ? `Importing ${done.toLocaleString("en")} of ${total.toLocaleString("en")} ...`
          : `${importSummary(progress)}.`}
      </span>
      {isRunning ? (
        <>
          <progress aria-label="Import" max={total} value={done} />
          <button type="button" onClick={cancelImport}>
            Cancel the import
          </button>
        </>
      ) : (
        <button type="button" class="link" onClick={() => (importProgress.value = undefined)}>
          Close
        </button>
      )}
      {failed.length > 0 && (
        <details>
          <summary>{`${failed.length} file${failed.length === 1 ? "" : "s"} that could not be read`}</summary>
          <ul class="names">
            {failed.slice(0, maxListed).map(({ name, error }, i) => (
              <li key={`${i} ${name}`}>
                <bdi>{name}</bdi>: {error}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
