import { Callback, type TrainerView, z } from "classifier-training";

const options = z.strictObject({ text: z.string().default("epoch done") });

/** Prints a line at the end of each epoch. `callbacks.epoch_bell.text=ding` */
export class EpochBell extends Callback {
  static readonly options = options;
  readonly #text: string;

  constructor({ text }: z.infer<typeof options>) {
    super();
    this.#text = text;
  }

  override onTrainEpochEnd(trainer: TrainerView): void {
    process.stdout.write(`${this.#text}: ${trainer.currentEpoch}\n`);
  }
}
