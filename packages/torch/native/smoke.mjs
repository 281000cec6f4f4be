// Goes through the addon's own code with plain JavaScript: handles, conversions, errors, autograd callbacks, shared
// memory, fused kernels of awkward sizes. Small on purpose: it is run under memory checkers (see check-memory.mjs).
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addonFolder, addonName } from "./place.mjs";

const native = createRequire(import.meta.url)(join(addonFolder(), addonName));

const op = (name, overload = "") => {
  const { index } = native.operator(name, overload);
  return (...values) => native.call(index, values);
};
const floats = (values, shape = [values.length]) =>
  native.fromBytes(new Uint8Array(Float32Array.from(values).buffer), shape, "float32");
const read = (tensor) => {
  const into = new Float32Array(native.numel(tensor));
  native.copyBytes(tensor, new Uint8Array(into.buffer));
  return [...into];
};

const add = op("aten::add", "Tensor");
const mul = op("aten::mul", "Tensor");
const sum = op("aten::sum");
const a = floats([1, 2, 3]);
assert.deepEqual(read(add(a, a)), [2, 4, 6]);
assert.throws(() => add(a, floats([1, 2])), /must match the size/);
assert.throws(() => add(a, 3), /expected a tensor, received number 3/);
assert.throws(() => native.shape({}), /expected a tensor/);
assert.deepEqual(native.call(native.operator("aten::split", "Tensor").index, [a, 2]).map(native.numel), [2, 1]);

const shared = new SharedArrayBuffer(12);
const view = native.fromBytes(new Uint8Array(shared), [3], "float32");
new Float32Array(shared)[2] = 7;
assert.equal(native.item(sum(view)), 7);
native.dispose(view);
assert.throws(() => native.shape(view), /disposed/);

const x = floats([1, 2, 3]);
native.setRequiresGrad(x, true);
let hooked = 0;
const hook = native.registerHook(x, (gradient) => {
  hooked += native.numel(gradient);
  return mul(gradient, gradient);
});
native.backward([sum(mul(x, x))], null, false, false, null);
assert.deepEqual(read(native.gradient(x, null)), [4, 16, 36]);
assert.equal(hooked, 3);
native.removeHook(x, hook);
for (const onThread of [false, true]) {
  const out = native.attachNode([x], [mul(a, a)], [true], [x], (g, saved) => [mul(g[0], saved[0])], "Probe")[0];
  native.setGradient(x, null);
  native.backward([sum(out)], null, false, false, null, onThread);
  assert.deepEqual(read(native.gradient(x, null)), [1, 2, 3]);
}
const thrower = native.attachNode(
  [x],
  [mul(a, a)],
  [true],
  [],
  () => {
    throw new RangeError("mine");
  },
  "Thrower",
)[0];
assert.throws(() => native.backward([sum(thrower)], null, false, false, null), /mine/);

const last = (t) => op("aten::contiguous")(t, "channels_last");
const randn = (shape) => op("aten::randn")(shape);
for (const [n, c, h, w] of [
  [2, 5, 3, 3],
  [1, 37, 7, 5],
  [2, 64, 6, 6],
]) {
  for (const dtype of ["float32", "bfloat16"]) {
    const image = last(op("aten::to", "dtype")(randn([n, c, h, w]), dtype));
    native.setRequiresGrad(image, true);
    const stats = () => [randn([c]), randn([c]), op("aten::zeros")([c]), op("aten::ones")([c])];
    const y = op("ct::batch_norm_act")(image, ...stats(), native.alias(image), true, 0.1, 1e-5, true);
    const pooled = op("ct::max_pool2d")(y, [3, 3], [2, 2], [1, 1]);
    native.backward([sum(pooled)], null, false, false, null);
    assert.deepEqual(native.shape(native.gradient(image, null)), [n, c, h, w]);
  }
}
for (const [n, c, k, h, w] of [
  [1, 3, 20, 7, 7],
  [2, 20, 3, 13, 9],
  [1, 64, 70, 1, 5],
  [3, 33, 64, 17, 19],
  [0, 4, 4, 5, 5],
]) {
  for (const dtype of ["float32", "bfloat16"]) {
    const as = (t) => op("aten::to", "dtype")(t, dtype);
    const tensors = [last(as(randn([n, c, h, w]))), last(as(randn([k, c, 3, 3]))), as(randn([k]))];
    for (const t of tensors) native.setRequiresGrad(t, true);
    native.backward([sum(op("ct::conv3x3")(...tensors, true))], null, false, false, null);
    for (const t of tensors) assert.deepEqual(native.shape(native.gradient(t, null)), native.shape(t));
  }
}
const bytes = native.fromBytes(new Uint8Array(2 * 3 * 5 * 3), [2, 3, 5, 3], "uint8");
op("ct::normalize_images")(bytes, [0.5, 0.5, 0.5], [0.2, 0.2, 0.2], "bfloat16");
const p = [randn([7, 3]), randn([1])];
const like = () => p.map((t) => op("aten::zeros_like")(t));
op("ct::adam_step")(p, like(), like(), like(), 1, 0.1, 0.9, 0.99, 1e-8, 0.01, true, 1, like(), 0.9);
op("ct::sgd_step")(p, like(), like(), true, 0.1, 0.9, 0, 0.01, true, 1, [], 0);
op("ct::scale_gradients")(p, 1 / op("ct::grad_norm")(p));
const previous = native.enterAutocast("cpu", true, "bfloat16");
assert.equal(native.dtype(op("aten::mm")(randn([2, 2]), randn([2, 2]))), "bfloat16");
native.leaveAutocast("cpu", ...previous);
native.enterInferenceMode(true);
native.leaveInferenceMode();
const generator = native.newGenerator("cpu", 7);
const drawn = read(op("aten::randn", "generator")([3], generator));
native.generatorSeed(generator, 7);
assert.deepEqual(read(op("aten::randn", "generator")([3], generator)), drawn);
native.setGeneratorState(native.defaultGenerator("cpu"), native.generatorState(generator));
assert.throws(() => native.generatorState(a), /expected a generator/);
assert.throws(() => native.shape(generator), /expected a tensor/);

// Copies for checkpoints: less than a line, whole lines with a rest, another layout; a second owner of the memory.
const parts = [randn([5]), randn([3, 700]), op("aten::t")(randn([40, 30])), randn([0])];
const offsets = [4, 32, 32 + 4 * 2100, 0];
const copies = new Uint8Array(32 + 4 * (2100 + 1200));
native.useLargePages(copies);
native.copyTensors(parts, copies, offsets);
for (const [i, part] of parts.entries()) {
  assert.deepEqual(
    [...new Float32Array(copies.buffer, offsets[i], native.numel(part))],
    read(op("aten::contiguous")(part)),
  );
}
assert.throws(() => native.copyTensors([parts[0]], copies, [copies.length - 19]), /snapshot buffer too small/);
const outside = new Float32Array(native.externalBytes(parts[0]));
native.setData(parts[0], floats([1, 2]));
native.dispose(parts[0]);
assert.equal(outside.length, 5);
assert.equal(Number.isFinite(outside[4]), true);

// A process group of this process alone.
if (native.joinGroup !== undefined) {
  const folder = mkdtempSync(join(tmpdir(), "ct-smoke-"));
  const place = { host: "", port: 0, file: join(folder, "store"), prefix: "", isServer: true, nccl: false };
  const request = { ...place, rank: 0, worldSize: 1, timeoutMs: 600_000, interfaces: ["lo"] };
  const failed = await new Promise((done) => native.joinGroup(request, done));
  assert.equal(failed, null);
  const whole = floats([1, 2, 3]);
  for (const [operation, outputs, detail] of [
    ["allReduce", [], "sum"],
    ["broadcast", [], 0],
    ["allGather", [floats([0, 0, 0])], null],
  ]) {
    const work = native.startCollective(operation, [whole], outputs, detail);
    assert.equal(await new Promise((done) => native.onCollective(work, done)), null);
    native.waitCollective(work);
    for (const tensor of [whole, ...outputs]) assert.deepEqual(read(tensor), [1, 2, 3]);
  }
  assert.throws(() => native.startCollective("scatter", [whole], [], null), /unknown collective/);
  native.leaveGroup(true);
  rmSync(folder, { recursive: true });
}
if (globalThis.gc) for (let i = 0; i < 3; i++) globalThis.gc();
const kernels = op("ct::kernel_set")();
const wanted = process.env.CT_KERNELS ?? kernels;
process.stdout.write(
  `smoke: ok (${kernels} kernels${kernels === wanted ? "" : `; there are no ${wanted} ones here`})\n`,
);
