import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { manualSeed, nn, optim, scope, type Tensor, tensor, zeros } from "../index.ts";
import { targets } from "../targets.ts";

// What Python's torch computed: written by test/fixtures/make-nn.py.
const python = JSON.parse(readFileSync(new URL("../../test/fixtures/nn.json", import.meta.url), "utf8"));

type Values = Readonly<Record<string, number[]>>;

function fill(shape: readonly number[], k: number, scale = 1): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, (_, i) => Math.sin(0.37 * i + 0.11 * k) * scale);
  return tensor(values, { dtype: "float64" }).reshape(shape);
}

const fill32 = (shape: readonly number[], k: number, scale = 1) => fill(shape, k, scale).to({ dtype: "float32" });

function fillModule(module: nn.AnyModule): void {
  for (const [k, parameter] of [...module.parameters()].entries())
    parameter.detach().copy_(fill(parameter.shape, k, 0.5));
}

function expectClose(actual: Tensor | null | undefined, expected: readonly number[], what: string): void {
  expect(actual, what).toBeTruthy();
  const values = (actual as Tensor).toArray();
  const worst = Math.max(
    0,
    ...values.map((value, i) => Math.abs(value - (expected[i] as number)) / (1 + Math.abs(value))),
  );
  expect([values.length, worst < 2e-5 ? 0 : worst], what).toEqual([expected.length, 0]);
}

describe("a layer computes what Python's does, forward and backward", () => {
  for (const recorded of python.layers) {
    const { target, args, kwargs, inputs: shapes, train } = recorded;
    test(`${target}(${JSON.stringify(args)}, ${JSON.stringify(kwargs)}) on ${JSON.stringify(shapes)}, train ${train}`, () => {
      scope(() => {
        const module = targets[target]?.invoke(args, kwargs) as nn.Module;
        fillModule(module);
        module.train(train);
        const input = fill32(shapes[0], 50, 2).requiresGrad_();
        module.call(input);
        const output = module.call(input);
        output.mul(fill32(output.shape, 90)).sum().backward();
        expect(output.shape).toEqual(recorded.output_shape);
        expectClose(output, recorded.output, "output");
        expectClose(input.grad, recorded.input_grad, "gradient of the input");
        const parameters = new Map(module.namedParameters());
        expect([...parameters.keys()]).toEqual(Object.keys(recorded.param_grads));
        for (const [key, gradient] of Object.entries(recorded.param_grads as Values)) {
          expectClose(parameters.get(key)?.grad, gradient, `gradient of ${key}`);
        }
        const buffers = new Map(module.namedBuffers());
        expect([...buffers.keys()]).toEqual(Object.keys(recorded.buffers));
        for (const [key, value] of Object.entries(recorded.buffers as Values))
          expectClose(buffers.get(key), value, key);
      });
    });
  }
});

describe("a loss computes what Python's does", () => {
  for (const { name, inputs, target, kwargs, output, grad } of python.losses) {
    test(`${name} ${JSON.stringify(kwargs)} of ${JSON.stringify(target)}`, () => {
      const criterion = targets[`torch.nn.${name}`]?.invoke([], kwargs) as nn.Module<[Tensor, Tensor]>;
      const raw = fill32(inputs, 3, 2);
      const input = (name === "BCELoss" ? raw.sigmoid() : raw).requiresGrad_();
      const isFloat = name !== "NLLLoss" && target.flat().some((value: number) => !Number.isInteger(value));
      const value = criterion.call(input, tensor(target, { dtype: isFloat ? "float32" : "int64" }));
      value.sum().backward();
      expectClose(value, output, "value");
      expectClose(input.grad, grad, "gradient");
    });
  }
});

describe("multi-head attention computes what Python's does", () => {
  for (const { kwargs, shapes, call, output, weights, param_grads } of python.attention) {
    test(`${JSON.stringify(kwargs)} ${JSON.stringify(call)}`, () => {
      const module = targets["torch.nn.MultiheadAttention"]?.invoke([8, 2], kwargs) as nn.MultiheadAttention;
      fillModule(module);
      const [query, otherKey, otherValue] = (shapes as number[][]).map((shape, i) => fill32(shape, 60 + i)) as [
        Tensor,
        Tensor,
        Tensor,
      ];
      const [key, value] = call.self ? [query, query] : [otherKey, otherValue];
      const mask = (given?: boolean[][]) => (given ? tensor(given) : null);
      const result = module.call(query, key, value, {
        keyPaddingMask: mask(call.key_padding_mask),
        attnMask: mask(call.attn_mask),
        averageAttnWeights: call.average ?? true,
      });
      result.output.pow(2).sum().backward();
      expectClose(result.output, output, "output");
      expectClose(result.weights, weights, "weights");
      const parameters = new Map(module.namedParameters());
      expect([...parameters.keys()]).toEqual(Object.keys(param_grads));
      for (const [name, gradient] of Object.entries(param_grads as Values)) {
        expectClose(parameters.get(name)?.grad, gradient, name);
      }
    });
  }
});

test("initializers sample the values that Python samples from the same seed", () => {
  const { init } = nn;
  const fresh = () => {
    manualSeed(7);
    return zeros([4, 3, 2, 2]);
  };
  expectClose(
    init.kaimingNormal_(fresh(), { mode: "fan_out", nonlinearity: "relu" }),
    python.init.kaiming_normal_,
    "1",
  );
  expectClose(init.kaimingUniform_(fresh(), { a: 0.5 }), python.init.kaiming_uniform_, "2");
  expectClose(init.xavierNormal_(fresh(), 2), python.init.xavier_normal_, "3");
  expectClose(init.xavierUniform_(fresh()), python.init.xavier_uniform_, "4");
  expectClose(init.truncNormal_(fresh(), 0.5, 2, -1, 1.5), python.init.trunc_normal_, "5");
  expectClose(init.orthogonal_(fresh(), 3), python.init.orthogonal_, "6");
  expectClose(init.normal_(fresh(), 1, 2), python.init.normal_, "7");
  expectClose(init.uniform_(fresh(), -1, 2), python.init.uniform_, "8");
});

test("layers start with the weights that Python's start with", () => {
  manualSeed(7);
  const layers = new nn.ModuleList<nn.AnyModule>([
    new nn.Conv2d(2, 3, { kernelSize: 3 }),
    new nn.ConvTranspose2d(3, 2, { kernelSize: 2 }),
    new nn.Linear(4, 5),
    new nn.MultiheadAttention(4, 2),
  ]);
  const state = layers.stateDict();
  expect([...state.keys()]).toEqual(Object.keys(python.init.default));
  for (const [key, value] of Object.entries(python.init.default as Values)) expectClose(state.get(key), value, key);
});

test.each(["LAMB", "Lion"] as const)("%s follows its paper's formula", (name) => {
  const { lr, betas, eps, weight_decay: weightDecay, params } = python.optimizers[name];
  const parameter = new nn.Parameter(fill([2, 3], 1));
  const optimizer =
    name === "LAMB"
      ? new optim.LAMB([parameter], { lr, betas, eps, weightDecay })
      : new optim.Lion([parameter], { lr, betas, weightDecay });
  for (const [i, expected] of (params as number[][]).entries()) {
    parameter.grad = fill([2, 3], 10 * (i + 1));
    optimizer.step();
    expectClose(parameter, expected, `step ${i + 1}`);
  }
});
