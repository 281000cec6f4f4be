import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { cat, nn, optim, type Tensor, tensor } from "../index.ts";
import { loadPth } from "./pth.ts";
import { OpaqueObject, unpickle } from "./unpickler.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/pth/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pth-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Dict = ReadonlyMap<unknown, unknown>;
const load = (name: string) => loadPth(fixture(name)) as Dict;

describe.each([".pth", ".legacy.pth"])("a %s file of Python's torch", (suffix) => {
  test("keeps the dtypes and values of its tensors", () => {
    for (const [name, value] of load(`dtypes${suffix}`)) {
      const loaded = value as Tensor;
      expect(loaded.dtype).toBe(name);
      expect(loaded.shape).toEqual([2, 3]);
      const exact = [-3, -1.5, 0, 1.5, 3, 4.5];
      if (name === "bool")
        expect(loaded.tolist()).toEqual([
          [true, true, false],
          [true, true, true],
        ]);
      else if (loaded.isFloatingPoint) expect(loaded.toArray()).toEqual(exact);
      else expect(loaded.toArray()).toEqual(exact.map((x) => (name === "uint8" ? Math.trunc(x) & 255 : Math.trunc(x))));
    }
  });

  test("keeps views, strides and shared memory", () => {
    const views = load(`views${suffix}`);
    const get = (name: string) => views.get(name) as Tensor;
    expect(get("transposed").strides).toEqual([1, 5]);
    expect(get("row").toArray()).toEqual([10, 11, 12, 13, 14].map((i) => i * 1.5 - 3));
    expect(get("block").toArray()).toEqual([6, 7, 8, 11, 12, 13].map((i) => i * 1.5 - 3));
    expect(get("expanded").strides).toEqual([0, 0]);
    expect(get("channels_last").isContiguous("channels_last")).toBe(true);
    expect(get("scalar").item()).toBe(7.5);
    expect(get("empty").shape).toEqual([0, 3]);
    expect(get("base").sharesStorageWith(get("row"))).toBe(true);
    get("base").fill_(9);
    expect(get("row").toArray()).toEqual([9, 9, 9, 9, 9]);
  });

  test("gives plain containers", () => {
    const values = load(`containers${suffix}`);
    expect(Object.fromEntries([...values].map(([key, value]) => [String(key), value]))).toEqual({
      none: null,
      true: true,
      int: 3,
      negative: -70000,
      long: 2 ** 40,
      huge: 2n ** 80n,
      minus_huge: -(2n ** 70n),
      float: 0.1,
      inf: Number.POSITIVE_INFINITY,
      text: "Größe 火",
      bytes: Uint8Array.of(0, 255, 128),
      list: [1, [2, [3]]],
      tuple: [1, "a"],
      set: new Set([1, 2]),
      frozenset: new Set(["x"]),
      ordered: new Map([
        ["b", 1],
        ["a", 2],
      ]),
      keys: new Map<unknown, unknown>([
        [1, "one"],
        [[1, 2], "pair"],
      ]),
      size: [2, 3],
      dtype: "float16",
      device: "cpu",
      shared: [[1], [1]],
    });
    const shared = values.get("shared") as unknown[];
    expect(shared[0]).toBe(shared[1]);
  });

  test("carries a model and its optimizer on where Python stopped", () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 2, { kernelSize: 3 }),
      new nn.BatchNorm2d(2),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(8, 3),
    );
    const optimizer = new optim.AdamW(net.parameters());
    const saved = load(`training${suffix}`);
    expect(saved.get("epoch")).toBe(2);
    net.loadStateDict(saved.get("state_dict") as Map<string, Tensor>);
    optimizer.loadStateDict(saved.get("optimizer"));
    expect(optimizer.paramGroups[0]?.lr).toBe(0.01);
    const python = JSON.parse(readFileSync(fixture("training.json"), "utf8"));
    const inputs = tensor(python.inputs).reshape(2, 1, 4, 4);
    net.eval();
    expect(net.call(inputs).allclose(tensor(python.logits), { atol: 1e-6 })).toBe(true);
    net.train();
    nn.functional.crossEntropy(net.call(inputs), tensor([0, 2], { dtype: "int64" })).backward();
    optimizer.step();
    expect(
      cat([...net.parameters()].map((parameter) => parameter.flatten())).allclose(tensor(python.after_third_step), {
        atol: 1e-6,
      }),
    ).toBe(true);
  });

  test("loses the class of a parameter, not its gradient flag", () => {
    expect((load(`parameter${suffix}`).get("p") as Tensor).requiresGrad).toBe(true);
  });

  test("is refused by the name of the class when it wants more than tensors", () => {
    expect(() => load(`bomb${suffix}`)).toThrow(
      "unsupported global 'posix.system': only tensors and plain containers are loaded",
    );
    expect(() => load(`module${suffix}`)).toThrow("unsupported global 'torch.nn.modules.linear.Linear'");
    expect(existsSync("/tmp/the-unpickler-ran-a-command")).toBe(false);
  });

  test("can have its unknown classes replaced by inert objects", () => {
    const values = loadPth(fixture(`bomb${suffix}`), { unknownClasses: "opaque" }) as Dict;
    expect((values.get("weights") as Tensor).toArray()).toEqual([1]);
    const bomb = values.get("bomb") as OpaqueObject;
    expect(bomb).toBeInstanceOf(OpaqueObject);
    expect(bomb.pythonClass).toBe("posix.system");
    expect(existsSync("/tmp/the-unpickler-ran-a-command")).toBe(false);
  });

  test("is refused when it is truncated or damaged anywhere, or else read as it was", () => {
    const good = readFileSync(fixture(`training${suffix}`));
    const path = join(folder, `damaged${suffix}`);
    const damage = fc.oneof(
      fc.nat(good.length - 1).map((length) => good.subarray(0, length)),
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((edits) => {
        const copy = Buffer.from(good);
        for (const [at, value] of edits) copy[at] = value;
        return copy;
      }),
    );
    fc.assert(
      fc.property(damage, (bytes) => {
        writeFileSync(path, bytes);
        try {
          loadPth(path);
        } catch (error) {
          expect(["SerializationError", "TorchError"]).toContain((error as Error).name);
        }
      }),
      { numRuns: 400 },
    );
  });
});

test("what torch.save did not write is refused", () => {
  const path = join(folder, "other.pth");
  for (const [bytes, message] of [
    ["", "the file is empty"],
    ["hello", "it was not written by torch.save"],
    ["PK\u0003\u0004", "its directory is missing"],
  ] as const) {
    writeFileSync(path, bytes, "latin1");
    expect(() => loadPth(path)).toThrow(message);
  }
  expect(() => loadPth(fixture("training.json"))).toThrow("it was not written by torch.save");
});

test("random pickles end in a value or a SerializationError, and reach no global that is not admitted", () => {
  const asked = new Set<string>();
  const hooks = {
    findGlobal: (module: string, name: string) => {
      asked.add(`${module}.${name}`);
      return undefined;
    },
    persistentLoad: () => null,
  };
  const opcodes =
    "(.01234GIKLMNSTUXVabcdeghijlopqrstu\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8e\x8f\x90\x91\x92\x93\x94\x95QRJBCF}])";
  const pieces = fc.oneof(
    fc.constantFrom(...opcodes).map((c) => Buffer.from(c, "latin1")),
    fc
      .constantFrom("\x8c\x02os\x8c\x06system\x93", "cos\nsystem\n", "K\x05", "X\x02\x00\x00\x00hi", "}q\x00", "]q\x01")
      .map((s) => Buffer.from(s, "latin1")),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      try {
        unpickle(Buffer.concat(parts), hooks, "x");
      } catch (error) {
        expect((error as Error).name).toBe("SerializationError");
      }
    }),
    { numRuns: 5000 },
  );
  expect(asked.size).toBeGreaterThan(0);
});
