import { CtError } from "@classifier-training/base";
import { cat, fromTypedArray, linspace, nn, noGrad, scope, type Tensor, tensor } from "@classifier-training/torch";
import { defineModel, ImageModel, type Stage } from "@classifier-training/vision";
import { z } from "zod";
import { loadOcrWeights, ocrModelPath } from "./ocr-weights.ts";
import { featureChannels, SvtrLcNet } from "./svtr-lcnet.ts";

/** All numbers of one or two digits, `00` among them, in the order that classes have. */
export const jerseyNumbers: readonly string[] = [
  ...Array.from({ length: 100 }, (_, number) => String(number)),
  "00",
].sort();

/** Queries that look at an image's columns: for the whole, the tens and the units. */
const queries = 3;

/**
 * Softmax over the columns for each query, from what is in them and where they are: [N, T, C] to [N, queries, C].
 */
class ColumnAttention extends nn.Module {
  readonly hidden: nn.Linear;
  readonly scores: nn.Linear;

  constructor() {
    super();
    // A column, and its place as x and x².
    this.hidden = new nn.Linear(featureChannels + 2, featureChannels);
    this.scores = new nn.Linear(featureChannels, queries);
  }

  override forward(columns: Tensor): Tensor {
    const [n = 0, t = 0] = columns.shape;
    const x = linspace(-1, 1, t, { dtype: columns.dtype, device: columns.device }).reshape([1, t, 1]);
    const place = cat([x, x.mul(x)], 2)
      .to({ dtype: columns.dtype })
      .expand([n, t, 2]);
    const hidden = nn.functional.silu(this.hidden.call(cat([columns, place], 2)));
    return this.scores.call(hidden).softmax(1).transpose(1, 2).matmul(columns);
  }
}

/**
 * A number as its length, tens and units. Both digits are read by the same ten embeddings, so that a number is readable
 * whose digits were seen in others. [N, queries, C] to logits [N, 101] of `jerseyNumbers`.
 */
class DigitHeads extends nn.Module {
  readonly length: nn.Linear;
  readonly digits: nn.Linear;
  /** [101]: where each number is among the 10 of one digit, then the 100 of two. */
  declare readonly order: Tensor;

  constructor() {
    super();
    this.length = new nn.Linear(featureChannels, 2);
    this.digits = new nn.Linear(featureChannels, 10);
    const places = jerseyNumbers.map((number) => (number.length === 1 ? 0 : 10) + Number(number));
    this.registerBuffer("order", tensor(places, { dtype: "int64" }), { persistent: false });
  }

  override forward(pooled: Tensor): Tensor {
    const float = (x: Tensor) => x.to({ dtype: "float32" }).logSoftmax(-1);
    const length = float(this.length.call(pooled.select(1, 0)));
    const digits = float(this.digits.call(pooled.narrow(1, 1, 2)));
    const [tens, units] = [digits.select(1, 0), digits.select(1, 1)];
    const one = units.add(length.narrow(1, 0, 1));
    const two = tens
      .unsqueeze(2)
      .add(units.unsqueeze(1))
      .flatten(1)
      .add(length.narrow(1, 1, 1));
    return cat([one, two], 1).indexSelect(1, this.order);
  }
}

/** The numbers, as any other classes: one layer over all queries. */
class SoftmaxHead extends nn.Module {
  readonly linear: nn.Linear;

  constructor(numClasses: number) {
    super();
    this.linear = new nn.Linear(queries * featureChannels, numClasses);
  }

  override forward(pooled: Tensor): Tensor {
    return this.linear.call(pooled.flatten(1));
  }
}

/**
 * Reads jersey numbers by a network for text recognition: [N, 3, H, W], values -1..1, to logits [N, K]. With digit heads
 * these are log-probabilities of the 101 `jerseyNumbers`; with softmax, logits of any classes.
 */
export class NumberReader extends ImageModel {
  readonly headPath = "head";
  readonly stages: readonly Stage[] = [
    { name: "stem", modules: ["backbone.stem", ...blocks(0, 3)] },
    { name: "stage1", modules: blocks(3, 6) },
    { name: "stage2", modules: blocks(6, 10) },
    { name: "stage3", modules: blocks(10, 14) },
    {
      name: "encoder",
      modules: ["squeeze1", "squeeze2", "mixers", "norm", "expand", "merge1", "merge2"].map(
        (name) => `backbone.${name}`,
      ),
    },
  ];
  readonly backbone: SvtrLcNet;
  readonly head: nn.Sequential;

  constructor(heads: "digits" | "softmax", numClasses: number) {
    super();
    if (heads === "digits" && numClasses !== jerseyNumbers.length) throw otherClasses(numClasses);
    this.backbone = new SvtrLcNet();
    this.head = new nn.Sequential(
      new ColumnAttention(),
      heads === "digits" ? new DigitHeads() : new SoftmaxHead(numClasses),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.head.call(this.backbone.call(x));
  }
}

function blocks(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `backbone.blocks.${from + i}`);
}

function otherClasses(numClasses: number): CtError {
  return new CtError({
    code: "jersey/classes",
    what: `digit heads read ${jerseyNumbers.length} numbers (0 to 99, and 00), but the data has ${numClasses} classes`,
    where: "model.network",
    fix: "name the numbers that the data lacks in data.extra_classes, as +experiment=jersey_ocr does, or use model.network=number_reader_softmax",
  });
}

/** PP-OCRv4's weights; the digits begin with what its CTC layer knows of them. */
async function loadOwnWeights(model: ImageModel, path: string): Promise<void> {
  const { backbone, head } = model as NumberReader;
  const { weight, bias } = await loadOcrWeights(backbone, path);
  const heads = [...head][1];
  if (heads instanceof DigitHeads) {
    noGrad(() =>
      scope(() => {
        heads.digits.weight.copy_(fromTypedArray(weight, [10, featureChannels]));
        (heads.digits.bias as Tensor).copy_(fromTypedArray(bias, [10]));
      }),
    );
  }
}

const numClasses = (byDefault: number) => z.strictObject({ numClasses: z.int().min(2).default(byDefault) });

const definition = (name: string, heads: "digits" | "softmax", classes: number, parameters: number) =>
  defineModel({
    name,
    family: "number_reader",
    library: "own",
    parameters,
    minSize: 16,
    options: numClasses(classes),
    weights: [],
    ownWeights: { path: ocrModelPath, load: loadOwnWeights },
    build: ({ numClasses }) => new NumberReader(heads, numClasses),
  });

/** The networks that this package adds to the model zoo. */
export const numberReaders = [
  definition("number_reader", "digits", jerseyNumbers.length, 1_902_491),
  definition("number_reader_softmax", "softmax", 1000, 2_262_039),
];
