import { join } from "node:path";
import { quick, workspace } from "../../classifier/test/cli.ts";
import { inProcess } from "../../classifier/test/in-process.ts";

/** The classes of the trained run, by index. */
export const classes = ["1", "7"];

/** A folder of runs as the command line leaves it: one training of two epochs with two steps each, in `2026-01-02/10-11-12`. */
export async function trainOnce(): Promise<{ readonly root: string; readonly remove: () => void }> {
  const { dir, remove } = await workspace(classes, { train: 8, valid: 4 });
  const { code, text } = await inProcess(
    [
      "train",
      ...quick,
      "model.stem=small",
      "+tracker.api_key=abcd1234secret",
      "trainer.max_epochs=2",
      "trainer.log_every_n_steps=1",
      "hydra.run.dir=outputs/2026-01-02/10-11-12",
    ],
    dir,
  );
  if (code !== 0) throw new Error(`the training failed:\n${text}`);
  return { root: join(dir, "outputs"), remove };
}
