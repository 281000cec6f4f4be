import { download } from "../charts/export.ts";

interface SaveButtonsProps {
  /** Of the chart: the files' name. */
  readonly title: string;
  readonly csv: () => string;
  readonly png: () => Promise<Blob | null> | null | undefined;
}

/** Saves a chart's values as CSV, and what is seen as PNG. */
export function SaveButtons({ title, csv, png }: SaveButtonsProps) {
  const saves = {
    CSV: () => download(`${title}.csv`, new Blob([csv()], { type: "text/csv" })),
    PNG: async () => {
      const image = await png();
      if (image) download(`${title}.png`, image);
    },
  };
  return (
    <>
      {Object.entries(saves).map(([kind, save]) => (
        <button key={kind} type="button" class="link" aria-label={`${kind} of ${title}`} onClick={() => void save()}>
          {kind}
        </button>
      ))}
    </>
  );
}
