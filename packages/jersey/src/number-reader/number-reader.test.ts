import { nn, noGrad, optim, randn, scope, stack, type Tensor, tensor, zeros } from "@classifier-training/torch";
import { describe, expect, test, vi } from "vitest";
import { NumberReader } from "./number-reader.ts";

vi.setConfig({ testTimeout: 60_000 });

const numbers = [...Array.from({ length: 100 }, (_, i) => String(i)), "00"].sort();
const indexOf = (number: string) => numbers.indexOf(number);

describe("digit heads", () => {
  const reader = new NumberReader("digits", 101).eval() as NumberReader;
  const columns = randn([2, 6, 120]);

  test("the probabilities of the 101 numbers sum to 1, and two digits are independent", () => {
    const logits = noGrad(() => (reader.head.call(columns) as Tensor).tolist()) as number[][];
    for (const row of logits) {
      expect(row).toHaveLength(101);
      const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
      // 01 to 09 are not numbers: what they would have is the rest.
      expect(total).toBeLessThan(1);
      const of = (number: string) => row[indexOf(number)] as number;
      expect(of("27") + of("35")).toBeCloseTo(of("25") + of("37"), 4);
    }
  });

  test("every parameter of the heads has a gradient", () => {
    scope(() =>
      nn.functional.crossEntropy(reader.head.call(columns) as Tensor, tensor([3, 57], { dtype: "int64" })).backward(),
    );
    for (const [name, { grad }] of reader.head.namedParameters()) {
      const largest = grad === null ? 0 : (grad.abs().max().item() as number);
      expect(largest, name).toBeGreaterThan(0);
    }
  });

  test("numbers that are absent from training are read by their digits", () => {
    const absent = new Set(["12", "34", "47", "70"]);
    const embeddings = randn([11, 120]);
    // A digit fills two columns; a single one stands in the middle.
    const shown = (number: string) => {
      const digit = (i: number) => embeddings.select(0, Number(number[i]));
      const blank = embeddings.select(0, 10);
      const [first, second] = number.length === 1 ? [blank, blank] : [digit(0), digit(1)];
      const middle = number.length === 1 ? digit(0) : blank;
      return stack([first, first, middle, middle, second, second]);
    };
    const seen = numbers.filter((number) => !absent.has(number));
    const [images, labels] = [stack(seen.map(shown)), tensor(seen.map(indexOf), { dtype: "int64" })];
    const { head } = new NumberReader("digits", 101);
    const optimizer = new optim.Adam(head.parameters(), { lr: 0.01 });
    for (let step = 0; step < 40; step++) {
      optimizer.zeroGrad();
      scope(() => nn.functional.crossEntropy(head.call(images) as Tensor, labels).backward());
      optimizer.step();
    }
    const read = noGrad(() => (head.call(stack([...absent].map(shown))) as Tensor).argmax(1).toArray()) as number[];
    expect(read.map((index) => numbers[Number(index)])).toEqual([...absent]);
  });

  test("other classes are refused, and softmax takes them", () => {
    expect(() => new NumberReader("digits", 42)).toThrow(/read 101 numbers.*has 42 classes/);
    const logits = noGrad(() => new NumberReader("softmax", 42).eval().call(zeros([1, 3, 48, 48])));
    expect((logits as Tensor).shape).toEqual([1, 42]);
  });
});
