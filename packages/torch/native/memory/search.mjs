// Looks for convolutions for which LibTorch writes or reads outside of its memory, or computes something else:
// `node native/memory/search.mjs [cases] [seed] [images|sequences|volumes|grouped|transposed|pointwise]`. Linux with a C compiler; built-in modules only.
//
// Each pass of random cases runs with guard.c as malloc, in which the first byte outside of a block ends the process, and is
// compared with float64. A process that ends is started again with the next case. Run it with OMP_NUM_THREADS of 1 and more
// (memory of each thread lies behind that of another), and with DNNL_MAX_CPU_ISA=AVX2 for the code of other processors.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { randomSource } from "./random.mjs";

const here = dirname(fileURLToPath(import.meta.url));

const channelCounts = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 24, 31, 32, 33, 40, 48, 64, 96, 130];
const sizes = [
  [[9], [64], [131]],
  [
    [7, 7],
    [8, 8],
    [14, 14],
    [15, 15],
    [28, 28],
    [33, 33],
    [64, 64],
    [5, 31],
    [9, 16],
    [31, 8],
  ],
  [
    [4, 5, 8],
    [5, 8, 8],
    [8, 8, 8],
    [3, 9, 16],
  ],
];

/** Convolutions of so many dimensions. */
function convolution(
  r,
  dims,
  { groups = [1, 1, 1, 1, 2, 4, "depthwise"], dilations = [1, 1, 1, 1, 2, 3], transposed = 0.1 } = {},
) {
  const each = (values) => Array.from({ length: dims }, () => r.pick(values));
  const same = (values) => Array(dims).fill(r.pick(values));
  const kind = r.pick(groups);
  const wanted = r.pick(channelCounts);
  const g = kind === "depthwise" ? wanted : kind;
  const whole = (channels) => Math.ceil(channels / g) * g;
  return {
    shape: [r.pick([1, 2, 3, 8]), whole(wanted), ...r.pick(sizes[dims - 1])],
    out: kind === "depthwise" ? wanted * r.pick([1, 1, 2]) : whole(r.pick(channelCounts)),
    kernel: r.next() < 0.3 ? same([1]) : r.next() < 0.6 ? same([2, 3, 3, 5, 7]) : each([1, 2, 3, 4]),
    stride: r.next() < 0.7 ? same([1, 2, 2, 3, 4]) : each([1, 2, 3]),
    padding: r.next() < 0.7 ? same([0, 0, 1, 2, 3]) : each([0, 1, 2]),
    dilation: same(dilations),
    groups: g,
    transposed: r.next() < transposed,
  };
}

const families = {
  images: (r) => convolution(r, 2),
  sequences: (r) => convolution(r, 1),
  volumes: (r) => convolution(r, 3),
  grouped: (r) =>
    convolution(r, 2, { groups: [2, 3, 8, "depthwise", "depthwise"], dilations: [1, 2, 3], transposed: 0 }),
  transposed: (r) => convolution(r, 2, { transposed: 1 }),
  pointwise(r) {
    const each = (values) => [r.pick(values), r.pick(values)];
    const channels = 1 + Math.floor(r.next() * r.pick([16, 70, 300]));
    const g = r.next() < 0.85 ? 1 : r.pick([2, 3, 4]);
    const size =
      r.next() < 0.5 ? Array(2).fill(r.pick([4, 7, 8, 14, 16, 28, 32, 56, 64])) : each([3, 5, 8, 13, 16, 31, 40, 64]);
    return {
      shape: [r.pick([1, 2, 4, 8, 16]), channels * g, ...size],
      out: (1 + Math.floor(r.next() * r.pick([16, 70, 300]))) * g,
      kernel: [1, 1],
      stride: r.next() < 0.7 ? Array(2).fill(r.pick([1, 2, 2, 2, 3, 4])) : each([1, 2, 3]),
      padding: r.next() < 0.85 ? [0, 0] : each([0, 1]),
      groups: g,
    };
  },
};

function caseOf(seed, index, family) {
  const r = randomSource(1 + ((seed * 1_000_003 + index * 7919) % 2147483646));
  for (let i = 0; i < 8; i++) r.next();
  for (;;) {
    const c = families[family](r);
    Object.assign(c, {
      dtype: r.pick(["float32", "float32", "bfloat16"]),
      channelsLast: r.next() < 0.7,
      weightChannelsLast: r.next() < 0.6,
    });
    const { shape, kernel, padding, dilation = kernel.map(() => 1) } = c;
    const fits = kernel.every((k, i) => shape[2 + i] + 2 * padding[i] >= dilation[i] * (k - 1) + 1);
    const sized = c.transposed
      ? kernel.every((k, i) => (shape[2 + i] - 1) * c.stride[i] - 2 * padding[i] + dilation[i] * (k - 1) + 1 > 0)
      : fits;
    if (sized && shape.reduce((a, b) => a * b, 1) * c.out < 3e8 / kernel.reduce((a, b) => a * b, 1)) return c;
  }
}

async function child(first, last, seed, family) {
  const { distance, exact, native, op } = await import("./convolutions.mjs");
  const say = (text) => writeSync(1, `${text}\n`);
  const passes = {
    forward: ({ x, weight, bias, rest }) => ({ y: op("aten::convolution")(x, weight, bias, ...rest) }),
    input: ({ x, weight, gy, rest }, out) => ({
      gx: op("aten::convolution_backward")(gy, x, weight, [out], ...rest, [true, false, false])[0],
    }),
    weight: ({ x, weight, gy, rest }, out) => {
      const [, gw, gb] = op("aten::convolution_backward")(gy, x, weight, [out], ...rest, [false, true, true]);
      return { gw, gb };
    },
  };
  // Of the largest value; sums over all pixels for the bias may cancel.
  const limitOf = (dtype, key) => (dtype === "bfloat16" ? 0.02 : key === "gb" ? 1e-3 : 3e-5);
  process.env.CT_GUARD = "1";
  for (let index = first; index < last; index++) {
    const c = caseOf(seed, index, family);
    say(`case ${index}`);
    const live = [];
    const operands = exact(c);
    for (const [pass, run] of Object.entries(passes)) {
      say(`pass ${pass}`);
      let results;
      try {
        results = run(operands, c.out);
      } catch (error) {
        say(`refused ${String(error.message).split("\n")[0]}`);
        continue;
      }
      for (const [key, value] of Object.entries(results)) {
        if (value === null) continue;
        const error = distance(value, operands.results[key]);
        if (!(error < limitOf(c.dtype, key))) say(`wrong ${key} ${error}`);
        live.push(value);
      }
    }
    for (const t of [
      ...live,
      operands.x,
      operands.weight,
      operands.bias,
      operands.gy,
      ...Object.values(operands.results),
    ])
      native.dispose(t);
    globalThis.gc();
  }
}

/** Runs cases [first, last) in a process under the guard; the one after the last that it got to. */
async function watch(library, first, last, seed, family, found) {
  const options = ["--expose-gc", fileURLToPath(import.meta.url), "--child", first, last, seed, family];
  const child = spawn(process.execPath, options.map(String), {
    env: { ...process.env, LD_PRELOAD: library, CT_ALLOCATOR: "system" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
  let [index, pass, complaints] = [first, "", ""];
  child.stderr.on("data", (chunk) => {
    complaints += chunk;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, ...rest] = line.split(" ");
    if (word === "case") [index, pass] = [Number(rest[0]), ""];
    else if (word === "pass") pass = rest[0];
    else found.push({ index, pass, what: line });
  }
  const end = await closed;
  if (end !== 0) found.push({ index, pass, what: `${end} ${/guard: .*/.exec(complaints)?.[0] ?? ""}`.trim() });
  return index + 1;
}

async function parent(count, seed, family) {
  const folder = mkdtempSync(join(tmpdir(), "ct-guard-"));
  try {
    const library = join(folder, "guard.so");
    const flags = ["-O2", "-shared", "-fPIC", "-o", library, join(here, "guard.c"), "-ldl", "-lpthread"];
    if (spawnSync("cc", flags, { stdio: "inherit" }).status !== 0) throw new Error("guard.c needs a C compiler, cc");
    const found = [];
    for (let next = 0; next < count; ) {
      next = await watch(library, next, Math.min(count, next + 1000), seed, family, found);
    }
    for (const { index, ...finding } of found) {
      process.stdout.write(`${JSON.stringify({ index, ...finding, ...caseOf(seed, index, family) })}\n`);
    }
    const threads = process.env.OMP_NUM_THREADS ?? "all";
    process.stdout.write(`${count} cases (${family}, seed ${seed}, threads: ${threads}): ${found.length} findings\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--child") await child(Number(rest[0]), Number(rest[1]), Number(rest[2]), rest[3]);
else await parent(Number(first ?? 2000), Number(rest[0] ?? 1), rest[1] ?? "images");
