import {
  cat,
  type DType,
  distributed,
  keep,
  noGrad,
  type OperatorFunction,
  ones,
  ops,
  scope,
  type Tensor,
  zeros,
} from "@classifier-training/torch";

const viewAs = ops.aten["view.dtype"] as OperatorFunction;

/** Bytes that travel together: PyTorch's default. */
const bucketBytes = 25 * 2 ** 20;

/**
 * Replaces gradients by their mean over all ranks, with the same bits on each. A parameter without a gradient here gets
 * one if any rank has one (its own counts as zero), and stays without if none has.
 */
export async function averageGradients(parameters: readonly Tensor[], worldSize: number): Promise<void> {
  const buckets = inBuckets(parameters.filter(({ requiresGrad }) => requiresGrad));
  const flats = buckets.map((bucket) => noGrad(() => scope(() => keep(flattened(bucket)))));
  try {
    await Promise.all(flats.map((flat) => distributed.allReduce(flat)));
    for (const [i, bucket] of buckets.entries()) {
      noGrad(() => scope(() => takeBack(bucket, flats[i] as Tensor, worldSize)));
    }
  } finally {
    for (const flat of flats) flat.dispose();
  }
}

/** Gives these tensors rank 0's content. */
export async function broadcastTensors(tensors: readonly Tensor[]): Promise<void> {
  for (const bucket of inBuckets(tensors)) {
    const flat = noGrad(() => scope(() => keep(cat(bucket.map((tensor) => tensor.detach().reshape([-1]))))));
    // As bytes: gloo knows few dtypes.
    const bytes = noGrad(() => scope(() => keep(viewAs(flat, "uint8") as Tensor)));
    await distributed.broadcast(bytes);
    bytes.dispose();
    noGrad(() =>
      scope(() => {
        let at = 0;
        for (const tensor of bucket) {
          tensor.detach().copy_(flat.narrow(0, at, tensor.numel).view([...tensor.shape]));
          at += tensor.numel;
        }
      }),
    );
    flat.dispose();
  }
}

/** In the order of all ranks; tensors of one dtype and device share a bucket. */
function inBuckets(tensors: readonly Tensor[]): Tensor[][] {
  const buckets: Tensor[][] = [];
  const open = new Map<string, { bucket: Tensor[]; bytes: number }>();
  for (const tensor of tensors) {
    const kind = `${tensor.dtype} ${tensor.device}`;
    const bytes = tensor.numel * tensor.elementSize;
    let current = open.get(kind);
    if (current === undefined || current.bytes + bytes > bucketBytes) {
      current = { bucket: [], bytes: 0 };
      open.set(kind, current);
      buckets.push(current.bucket);
    }
    current.bucket.push(tensor);
    current.bytes += bytes;
  }
  return buckets;
}

/** Sums of half-precision gradients are made in float32. */
function sumDtype({ dtype }: Tensor): DType {
  return dtype === "float64" ? "float64" : "float32";
}

/** All gradients, then for each parameter a one if it has one. */
function flattened(bucket: readonly Tensor[]): Tensor {
  const options = { dtype: sumDtype(bucket[0] as Tensor), device: (bucket[0] as Tensor).device };
  const parts = bucket.map(({ grad, numel }) => grad?.reshape([-1]).to(options) ?? zeros([numel], options));
  const present = bucket.map(({ grad }) => (grad === null ? zeros([1], options) : ones([1], options)));
  return cat([...parts, ...present]);
}

function takeBack(bucket: readonly Tensor[], flat: Tensor, worldSize: number): void {
  const total = bucket.reduce((sum, { numel }) => sum + numel, 0);
  flat.narrow(0, 0, total).div_(worldSize);
  let at = 0;
  for (const [i, parameter] of bucket.entries()) {
    const mean = flat.narrow(0, at, parameter.numel).view([...parameter.shape]);
    at += parameter.numel;
    const { grad } = parameter;
    if (grad !== null) grad.copy_(mean);
    else if (flat.narrow(0, total + i, 1).item() > 0)
      parameter.grad = keep(mean.to({ dtype: parameter.dtype, copy: true }));
  }
}
