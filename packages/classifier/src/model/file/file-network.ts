import { GraphModule, type OnnxGraph } from "@classifier-training/onnx";
import { type nn as Nn, nn, noGrad, scope, Tensor, zeros } from "@classifier-training/torch";
import { ImageModel, type Stage } from "@classifier-training/vision";

/** What a network made of a file is, beside its weights. */
export interface NetworkPlan {
  /** Of images [N, 3, H, W] in RGB order to features. */
  readonly graph: OnnxGraph;
  /** How many features the head is given. */
  readonly features: number;
  readonly stages: readonly Stage[];
}

/** Where a network is from. */
export interface Origin {
  /** As `model.path` has it. */
  readonly source: string;
  readonly sha256: string;
}

/** A classifier on the network of a model file: its features, averaged over positions, and a new linear head. */
export class FileNetwork extends ImageModel {
  readonly headPath = "head";
  readonly plan: NetworkPlan;
  readonly origin: Origin;
  readonly body: GraphModule;
  readonly dropout: nn.Dropout;
  readonly head: nn.Linear;

  constructor(
    { plan, body }: { readonly plan: NetworkPlan; readonly body: GraphModule },
    { origin, numClasses, dropout }: { readonly origin: Origin; readonly numClasses: number; readonly dropout: number },
  ) {
    super();
    this.plan = plan;
    this.origin = origin;
    this.body = body;
    this.dropout = new nn.Dropout({ p: dropout });
    this.head = new nn.Linear(plan.features, numClasses);
  }

  get stages(): readonly Stage[] {
    return this.plan.stages;
  }

  override forward(x: Tensor): Tensor {
    return this.head.call(this.dropout.call(pooled(this.body.call(x), x.shape[0] ?? 1)));
  }
}

/** Features [N, F] of a map [N, F, H, W], of a sequence [N, T, F], or of either with its positions among the rows. */
function pooled(features: Tensor, images: number): Tensor {
  if (features.ndim === 4) return nn.functional.adaptiveAvgPool2d(features, 1).flatten(1);
  if (features.ndim === 3) return features.mean(1);
  if (features.ndim === 2 && features.shape[0] !== images)
    return features.reshape([images, -1, features.shape[1] ?? 1]).mean(1);
  return features.flatten(1);
}

/**
 * Runs the network of a graph once on an empty image, to see what it makes of it.
 * @param height of the image, in pixels @param width of the image, in pixels @param where names the file in errors
 * @throws whatever a network throws that does not take images of that size
 */
export function planNetwork(
  graph: OnnxGraph,
  { height, width }: { readonly height: number; readonly width: number },
  where: string,
): { plan: NetworkPlan; body: GraphModule } {
  const body = new GraphModule(graph, where);
  body.eval();
  const layers: Layer[] = [];
  const hooks = [...body.namedModules()]
    .filter(([path, module]) => path !== "" && [...module.namedParameters("", { recurse: false })].length > 0)
    .map(([path, module]) =>
      module.registerForwardHook((_module, _inputs, output) => {
        layers.push({ path: `body.${path}`, positions: positionsOf(output) });
        return undefined;
      }),
    );
  try {
    const images = 2;
    const features = noGrad(() =>
      scope(() => pooled(body.call(zeros([images, 3, height, width])), images).shape[1] ?? 1),
    );
    return { plan: { graph, features, stages: stagesOf(layers, body) }, body };
  } finally {
    for (const hook of hooks) hook.remove();
    body.train();
  }
}

/** A layer as it was called. */
interface Layer {
  readonly path: string;
  /** Of its output, height times width; 1 where it has none. */
  readonly positions: number;
}

function positionsOf(output: unknown): number {
  return output instanceof Tensor && output.ndim === 4 ? (output.shape[2] ?? 1) * (output.shape[3] ?? 1) : 1;
}

/** Networks without a pyramid of resolutions, such as transformers, are divided into this many stages. */
const evenStages = 4;

/**
 * Stages in the order of the data: those that the layers' names have (`layer1`, `stages.0`, `blocks.3`), else one for each
 * resolution of the feature maps, else equal parts.
 */
function stagesOf(layers: readonly Layer[], body: Nn.AnyModule): Stage[] {
  const unique = layers.filter(({ path }, i) => layers.findIndex((other) => other.path === path) === i);
  const names = stageNames(unique);
  const stages: { name: string; modules: string[] }[] = [];
  for (const [i, { path }] of unique.entries()) {
    const name = names[i] as string;
    const stage = stages.find((one) => one.name === name);
    if (stage === undefined) stages.push({ name, modules: [path] });
    else stage.modules.push(path);
  }
  // Parameters of no layer, such as a position embedding: they come first.
  const inLayers = stages.flatMap(({ modules }) => modules);
  const others = [...body.namedParameters()]
    .map(([name]) => `body.${name}`)
    .filter((name) => !inLayers.some((path) => name.startsWith(`${path}.`)));
  if (others.length > 0) {
    if (stages[0] === undefined) stages.push({ name: "stage1", modules: [] });
    stages[0]?.modules.unshift(...others);
  }
  return stages;
}

function stageNames(layers: readonly Layer[]): string[] {
  const named = layers.map(({ path }) => /(?:^|\.)((?:layer|stage|block)s?[._]?\d+)\./.exec(path)?.[1]);
  if (new Set(named.filter((name) => name !== undefined)).size > 1) {
    let last = "stem";
    return named.map((name) => (last = name ?? last));
  }
  let stage = 0;
  let positions = Number.POSITIVE_INFINITY;
  const byResolution = layers.map((layer) => {
    // A squeezed map, of one position, is a part of its block.
    if (layer.positions > 1 && layer.positions < positions) {
      stage++;
      ({ positions } = layer);
    }
    return Math.max(1, stage);
  });
  const isPyramid = stage > 2 || layers.length < 2 * evenStages;
  const numbers = isPyramid ? byResolution : layers.map((_, i) => 1 + Math.floor((i * evenStages) / layers.length));
  return numbers.map((number) => `stage${number}`);
}
