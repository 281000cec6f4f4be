import { nn, optim, type Tensor, tensor } from "@classifier-training/torch";
import { type BatchLoader, LightningModule, type LoaderPosition } from "../src/index.ts";

/** The smallest model that can be trained: one weight and one bias. */
export class BoringModule extends LightningModule<Tensor> {
  readonly l = new nn.Linear(1, 1);

  override forward(x: Tensor): Tensor {
    return this.l.call(x);
  }

  override trainingStep(batch: Tensor, _batchIdx: number): Tensor {
    const loss = this.forward(batch).pow(2).mean();
    this.log("loss", loss, { onStep: true, onEpoch: true, progBar: true });
    return loss;
  }

  override validationStep(batch: Tensor, _batchIdx: number): void {
    this.log("v", this.forward(batch).pow(2).mean());
  }

  override testStep(batch: Tensor, _batchIdx: number): void {
    this.log("t", this.forward(batch).pow(2).mean());
  }

  override predictStep(batch: Tensor): Tensor {
    return this.forward(batch);
  }

  override configureOptimizers(): ReturnType<NonNullable<LightningModule["configureOptimizers"]>> {
    return new optim.SGD(this.parameters(), { lr: 0.1, momentum: 0.9 });
  }
}

/** Batches of one number each, made anew each time: the number tells the epoch and the batch. */
export function numbers(
  count: number,
  options: { readonly start?: number; readonly size?: number } = {},
): BatchLoader<Tensor> {
  const { start = 0, size = 1 } = options;
  return {
    length: count,
    async *batches({ epoch, startBatch }: LoaderPosition) {
      for (let i = startBatch; i < count; i++) {
        yield tensor(Array.from({ length: size }, (_, k) => [start + i + 0.1 * epoch + 0.01 * k]));
      }
    },
  };
}
