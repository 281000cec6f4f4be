import { TensorflowError } from "../errors.ts";
import { GraphBuilder, type Value } from "../graph/builder.ts";
import { batch, type Dim } from "../graph/dims.ts";
import type { JsonObject } from "./json.ts";
import { layers } from "./layers.ts";
import type { Weight } from "./weights.ts";

const models = new Set(["Functional", "Model", "Sequential"]);
const maxDepth = 32;

/** Builds the network of a layers model: Keras' configuration, variables in the weights. */
export function buildLayersModel(
  model: JsonObject,
  weights: ReadonlyMap<string, Weight>,
  file: string,
): { readonly builder: GraphBuilder; readonly image: Value; readonly outputs: readonly Value[] } {
  const topology = model.object("modelTopology");
  const root = topology.optional("model_config") ?? topology;
  const builder = new GraphBuilder(file, 1);
  const network = new LayersNetwork(builder, weights);
  const image = network.input(inputShape(root, 0));
  const outputs = network.run(root, [image], 0);
  builder.at("", "");
  return { builder, image, outputs };
}

/** Whether the network itself scales pixels from 0 to 255: its first layer after the input is a Rescaling. */
export function rescalesPixels(model: JsonObject): boolean {
  const topology = model.object("modelTopology");
  const visit = (root: JsonObject, depth: number): boolean => {
    const first = layersOf(root).find((layer) => layer.text("class_name") !== "InputLayer");
    if (first === undefined || depth > maxDepth) return false;
    const name = first.text("class_name");
    return name === "Rescaling" || (models.has(name) && visit(first, depth + 1));
  };
  return visit(topology.optional("model_config") ?? topology, 0);
}

class LayersNetwork {
  readonly #b: GraphBuilder;
  readonly #weights: ReadonlyMap<string, Weight>;
  /** Weights by the last two parts of their names, for those that Keras put into a scope. */
  readonly #byEnd = new Map<string, Weight | undefined>();

  constructor(b: GraphBuilder, weights: ReadonlyMap<string, Weight>) {
    this.#b = b;
    this.#weights = weights;
    for (const [name, weight] of weights) {
      const end = name.split("/").slice(-2).join("/");
      this.#byEnd.set(end, this.#byEnd.has(end) ? undefined : weight);
    }
  }

  input(shape: readonly (number | undefined)[]): Value {
    if (shape.length !== 4) {
      throw this.#b.error(`expected images [N, height, width, channels], received an input of ${shape.length} axes`);
    }
    const dims = shape.map((size, axis): Dim => (axis === 0 ? batch : (size ?? "unknown")));
    return this.#b.input("input", "float32", dims, true);
  }

  run(model: JsonObject, inputs: readonly Value[], depth: number): readonly Value[] {
    const name = model.text("class_name");
    if (depth > maxDepth) throw this.#b.error(`models nested more than ${maxDepth} times`);
    if (!models.has(name)) throw this.#b.error(`expected a Sequential or Functional model, received ${name}`);
    if (name === "Sequential") {
      return layersOf(model).reduce(
        (values: readonly Value[], layer) =>
          layer.text("class_name") === "InputLayer" ? values : this.#call(layer, values, depth),
        inputs,
      );
    }
    return this.#functional(model.object("config"), inputs, depth);
  }

  /** Calls the layers of a graph as their inputs become known; a layer may be called several times. */
  #functional(config: JsonObject, inputs: readonly Value[], depth: number): readonly Value[] {
    const values = new Map<string, Value>();
    for (const [i, [name]] of referencesOf(config.raw("input_layers"), this.#b).entries()) {
      const value = inputs[i];
      if (value === undefined) throw this.#b.error(`input ${i} of the model is missing`);
      values.set(`${name}/0/0`, value);
    }
    const outputs = referencesOf(config.raw("output_layers"), this.#b);
    const calls = config
      .objects("layers")
      .filter((layer) => layer.text("class_name") !== "InputLayer")
      .flatMap((layer) => {
        const name = layer.has("name") ? layer.text("name") : layer.object("config").text("name");
        const nodes = layer.array("inbound_nodes").map((call) => referencesOf(call, this.#b));
        return nodes.map((from, call) => ({ layer, name, call, count: nodes.length, from }));
      });
    // Keras counts the calls of a nested network from 1: its own construction was the first.
    const highest = new Map<string, number>();
    for (const [name, call] of [...outputs, ...calls.flatMap(({ from }) => from)]) {
      highest.set(name, Math.max(call, highest.get(name) ?? 0));
    }
    let waiting = calls.map(({ layer, name, call, count, from }) => ({
      layer,
      from,
      key: `${name}/${(highest.get(name) ?? 0) >= count ? call + 1 : call}`,
    }));
    while (waiting.length > 0) {
      const later: typeof waiting = [];
      for (const call of waiting) {
        const from = call.from.map((reference) => values.get(reference.join("/")));
        if (!from.every((value) => value !== undefined)) {
          later.push(call);
          continue;
        }
        for (const [i, value] of this.#call(call.layer, from, depth).entries()) values.set(`${call.key}/${i}`, value);
      }
      if (later.length === waiting.length) throw this.#b.error(`nothing computes the inputs of '${later[0]?.key}'`);
      waiting = later;
    }
    return outputs.map((reference) => {
      const value = values.get(reference.join("/"));
      if (value === undefined) throw this.#b.error(`the model has no layer '${reference[0]}'`);
      return value;
    });
  }

  #call(layer: JsonObject, inputs: readonly Value[], depth: number): readonly Value[] {
    const type = layer.text("class_name");
    if (models.has(type)) return this.run(layer, inputs, depth + 1);
    const config = layer.object("config");
    const name = config.text("name");
    this.#b.at(name, type);
    const apply = Object.hasOwn(layers, type) ? layers[type] : undefined;
    if (apply === undefined) {
      throw this.#b.error(
        `unsupported layer ${type}`,
        "see the list of layers in the README of @classifier-training/tensorflow",
      );
    }
    const [x] = inputs;
    if (x === undefined) throw this.#b.error("a layer without input");
    return [apply({ b: this.#b, config, inputs, x, weight: (variable) => this.#weight(name, variable) })];
  }

  #weight(layer: string, variable: string): Value {
    const name = `${layer}/${variable}`;
    const weight = this.#weights.get(name) ?? this.#byEnd.get(name);
    if (weight === undefined) throw this.#b.error(`the weights have no '${name}'`);
    return this.#b.constant(name, weight.dtype, weight.shape, weight.read());
  }
}

/** Layers of a model: those of a Sequential may be its whole configuration. */
function layersOf(model: JsonObject): JsonObject[] {
  if (Array.isArray(model.raw("config"))) return model.objects("config");
  const config = model.object("config");
  return config.has("layers") ? config.objects("layers") : [];
}

/** The shape that the first layer gives for its images. */
function inputShape(model: JsonObject, depth: number): (number | undefined)[] {
  const [first] = layersOf(model);
  if (first === undefined || depth > maxDepth) {
    throw new TensorflowError({ code: "tensorflow/format", what: "the model has no layers" });
  }
  if (models.has(first.text("class_name"))) return inputShape(first, depth + 1);
  const config = first.object("config");
  const shape = config.has("batch_input_shape") ? config.array("batch_input_shape") : config.array("batch_shape");
  return shape.map((size) => (typeof size === "number" && size > 0 ? size : undefined));
}

type Reference = readonly [name: string, call: number, output: number];

/** `["conv1", 0, 0]`, or a list of such, with options of the call behind. */
function referencesOf(value: unknown, b: GraphBuilder): Reference[] {
  const list = Array.isArray(value) && typeof value[0] === "string" ? [value] : value;
  if (!Array.isArray(list)) throw b.error(`expected a list of layers, received ${JSON.stringify(value)?.slice(0, 80)}`);
  return list.map((one: unknown): Reference => {
    const [name, call, output] = Array.isArray(one) ? (one as unknown[]) : [];
    if (typeof name === "string" && typeof call === "number" && typeof output === "number") return [name, call, output];
    throw b.error(`expected [layer, call, output], received ${JSON.stringify(one)?.slice(0, 80)}`);
  });
}
