interface ShowMoreProps {
  readonly shown: number;
  readonly total: number;
  /** How many the next click adds at most. */
  readonly step: number;
  readonly onMore: () => void;
}

/** Continues a long list; nothing where all of it is shown. */
export function ShowMore({ shown, total, step, onMore }: ShowMoreProps) {
  if (shown >= total) return null;
  return (
    <button type="button" onClick={onMore}>
      {`Show ${Math.min(step, total - shown)} more`}
    </button>
  );
}
