import { asFloat, asInt, Float, isFloat } from "../yaml/scalars.ts";
import { Decimal } from "./decimal.ts";
import { OverrideFunctionError } from "./errors.ts";
import { type RangeNumber, RangeSweep } from "./values.ts";

/** The values of a range: ints when all three numbers are ints, else floats by decimal arithmetic. May be endless. */
export function* rangeValues(sweep: RangeSweep): Generator<number | bigint | Float> {
  const { start, stop, step } = sweep;
  if (isIntLike(start) && isIntLike(stop) && isIntLike(step)) {
    const [first, end, stride] = intRange(sweep);
    for (let value = first; stride > 0n ? value < end : value > end; value += stride) yield asInt(value);
    return;
  }
  const [first, end, stride] = [toDecimal(start), toDecimal(stop), toDecimal(step)];
  for (let index = 0; ; index++) {
    const current = first.plus(stride.times(Decimal.from(index)));
    const direction = stride.sign();
    if (direction === 0) {
      throw new OverrideFunctionError(
        "HydraException",
        `Invalid range values (start:${start}, stop:${stop}, step:${step}): the step must not be zero`,
      );
    }
    if (current.compare(end) * direction >= 0) return;
    yield asFloat(current.toNumber());
  }
}

/** Refuses an infinite range, where all of its values are needed at once. */
export function mustEnd(sweep: RangeSweep): void {
  const stop = sweep.stop instanceof Decimal ? sweep.stop.toNumber() : Number(sweep.stop);
  const start = sweep.start instanceof Decimal ? sweep.start.toNumber() : Number(sweep.start);
  const step = sweep.step instanceof Decimal ? sweep.step.toNumber() : Number(sweep.step);
  if (Math.abs((stop - start) / step) < 1e7) return;
  throw new OverrideFunctionError("ValueError", `a range from ${start} to ${stop} by ${step} has too many values`);
}

/** The same values in the other order. */
export function reversedRange(sweep: RangeSweep): RangeSweep {
  const { start, stop, step } = sweep;
  if (isIntLike(start) && isIntLike(stop) && isIntLike(step)) {
    const [first, end, stride] = intRange(sweep);
    const span = stride > 0n ? end - first : first - end;
    const size = stride > 0n ? stride : -stride;
    const count = span <= 0n ? 0n : (span + size - 1n) / size;
    if (count <= 1n) return sweep;
    const last = first + (count - 1n) * stride;
    return withNumbers(sweep, asInt(last), asInt(first - stride), asInt(-stride));
  }
  const [first, end, stride] = [toDecimal(start), toDecimal(stop), toDecimal(step)];
  const direction = stride.sign();
  if (direction === 0 || first.compare(end) * direction >= 0) return sweep;
  const distance = end.plus(first.negate());
  const count = (direction > 0 ? distance : distance.negate()).ceilingQuotient(
    direction > 0 ? stride : stride.negate(),
  );
  if (count <= 1) return sweep;
  const last = first.plus(Decimal.from(count - 1).times(stride));
  return withNumbers(sweep, last, first.plus(stride.negate().half()), stride.negate());
}

/** -1, 0 or 1. */
export function stepDirection(sweep: RangeSweep): number {
  const { step } = sweep;
  return step instanceof Decimal ? step.sign() : Math.sign(Number(step));
}

function withNumbers(sweep: RangeSweep, start: RangeNumber, stop: RangeNumber, step: RangeNumber): RangeSweep {
  return new RangeSweep(start, stop, step, { shuffle: sweep.shuffle, tags: sweep.tags });
}

function isIntLike(value: RangeNumber): value is number | bigint | boolean {
  return !(value instanceof Decimal) && !isFloat(value);
}

function intRange({ start, stop, step }: RangeSweep): [bigint, bigint, bigint] {
  const stride = BigInt(step as number);
  if (stride === 0n) throw new OverrideFunctionError("ValueError", "range() arg 3 must not be zero");
  return [BigInt(start as number), BigInt(stop as number), stride];
}

function toDecimal(value: RangeNumber): Decimal {
  if (value instanceof Decimal) return value;
  if (value instanceof Float) return Decimal.from(value.value);
  if (typeof value === "boolean") throw new OverrideFunctionError("InvalidOperation", "a range of numbers got a bool");
  return Decimal.from(value);
}
