// A grid of convolutions by every way that this process may take (the kernels of CT_KERNELS, the rules of CT_AMX), forward and
// both gradients, against float64: `node native/memory/grid.mjs [every]`, where 7 takes each seventh case (of no common divisor with the grid's).
import { distance, exact, native, op, recorded } from "./convolutions.mjs";

const kernels = [
  [1, 1],
  [2, 2],
  [3, 3],
  [1, 3],
  [4, 2],
  [5, 5],
];
const strides = [
  [1, 1],
  [2, 2],
  [3, 3],
  [1, 2],
  [4, 1],
];
const paddings = [
  [0, 0],
  [1, 1],
  [2, 0],
  [0, 3],
];
// Images, input channels, height, width, output channels: whole blocks, parts of them, few channels, few pixels.
const operands = [
  [8, 16, 9, 9, 32],
  [2, 32, 8, 13, 48],
  [3, 48, 7, 6, 33],
  [9, 32, 4, 4, 32],
  [2, 3, 17, 12, 40],
  [1, 4, 8, 9, 32],
  [8, 64, 5, 5, 64],
  [1, 16, 64, 3, 16],
];
// Errors relative to the largest value. In bfloat16 Winograd's algorithm rounds its tiles as well. A pass that LibTorch computes
// may have LibTorch's error: without AVX-512 it accumulates in bfloat16.
const limits = { float32: 1e-5, bfloat16: 0.012, winograd: 0.03 };

const libtorch = (c) => (x, weight, bias) => op("aten::conv2d")(x, weight, bias, c.stride, c.padding, [1, 1], 1);

/** The ways: ours wherever it is possible at all, and by rule. */
const conv2d = (c, always) => (x, weight, bias) => op("ct::conv2d")(x, weight, bias, c.stride, c.padding, always);
const conv3x3 = (always) => (x, weight, bias) => op("ct::conv3x3")(x, weight, bias, always);

function waysOf(c) {
  const ways = { always: conv2d(c, true), rule: conv2d(c, false) };
  const isWinograds = [...c.kernel, ...c.stride, ...c.padding].join() === "3,3,1,1,1,1";
  return isWinograds ? { ...ways, winograd: conv3x3(true), winogradRule: conv3x3(false) } : ways;
}

function* cases() {
  for (const [images, channels, height, width, out] of operands) {
    for (const kernel of kernels) {
      for (const stride of strides) {
        for (const padding of paddings) {
          if (height + 2 * padding[0] < kernel[0] || width + 2 * padding[1] < kernel[1]) continue;
          for (const dtype of ["float32", "bfloat16"]) {
            yield { shape: [images, channels, height, width], out, kernel, stride, padding, dtype };
          }
        }
      }
    }
  }
}

const every = Number(process.argv[2] ?? 1);
let [number, compared] = [0, 0];
const wrong = [];
for (const c of cases()) {
  if (number++ % every !== 0) continue;
  const reference = exact({ ...c, weightChannelsLast: number % 3 !== 0 });
  const live = [...Object.values(reference.results), reference.x, reference.weight, reference.bias, reference.gy];
  for (const [way, call] of Object.entries(waysOf(c))) {
    const limit = way.startsWith("winograd") && c.dtype === "bfloat16" ? limits.winograd : limits[c.dtype];
    const passes = recorded(reference, call);
    let theirs;
    for (const [pass, value] of Object.entries(passes)) {
      const error = distance(value, reference.results[pass]);
      compared++;
      live.push(value);
      if (error < limit) continue;
      theirs ??= recorded(reference, libtorch(c));
      if (!(error <= distance(theirs[pass], reference.results[pass])))
        wrong.push({ way, pass, error: String(error), ...c });
    }
    live.push(...Object.values(theirs ?? {}));
  }
  for (const tensor of live) native.dispose(tensor);
}
process.stdout.write(`${JSON.stringify({ kernels: op("ct::kernel_set")(), compared, wrong })}\n`);
if (wrong.length > 0) process.exitCode = 1;
