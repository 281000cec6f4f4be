"""Records what torchvision's models do, for models.test.ts: python3 make-models-golden.py > fixtures/models.json

Weights and inputs come from a hash, so that no file of weights is needed: v(i, k) in [-1, 1) of flat index i and
ordinal k in state_dict() order (see `v` in hash-fill.ts, which makes the same numbers).
"""
import hashlib, json, sys
import numpy as np
import torch, torchvision
from torchvision.models import get_model

torch.set_num_threads(1)
MODELS = {
    "resnet18": 64, "resnet34": 64, "resnet50": 64, "resnet101": 0, "resnet152": 0,
    "resnext50_32x4d": 64, "resnext101_32x8d": 0, "resnext101_64x4d": 0, "wide_resnet50_2": 64, "wide_resnet101_2": 0,
    "mobilenet_v3_small": 64, "mobilenet_v3_large": 64,
    "efficientnet_b0": 64, "efficientnet_b1": 64, "efficientnet_b2": 64, "efficientnet_b3": 64,
    "convnext_tiny": 64, "vit_b_16": 32,
}


def v(n, k):
    i = np.arange(n, dtype=np.uint64)
    h = (i * 0x9E3779B1 + np.uint64(k * 0x85EBCA77 % 2**32)) & 0xFFFFFFFF
    h ^= h >> 16
    h = (h * 0x85EBCA6B) & 0xFFFFFFFF
    h ^= h >> 13
    h = (h * 0xC2B2AE35) & 0xFFFFFFFF
    h ^= h >> 16
    return h.astype(np.float64) / 2**32 * 2 - 1


def fill(name, shape, k):
    n = int(np.prod(shape)) if len(shape) else 1
    values = v(n, k)
    if name.endswith("num_batches_tracked"):
        values = values * 0
    elif name.endswith("running_mean") or name.endswith("bias"):
        values = 0.1 * values
    elif name.endswith("running_var"):
        values = 1 + 0.5 * values
    elif name.endswith("layer_scale"):
        values = 0.5 + 0.1 * values
    elif len(shape) <= 1:
        values = 1 + 0.1 * values
    else:
        values = values * np.sqrt(3 / np.prod(shape[1:]))
    return values.reshape(shape)


out = {"_meta": {"torch": torch.__version__, "torchvision": torchvision.__version__, "numClasses": 10}, "models": {}}
for name, size in MODELS.items():
    kwargs = {"image_size": size} if name == "vit_b_16" else {}
    torch.manual_seed(0)
    model = get_model(name, weights=None, num_classes=10, **kwargs)
    state = model.state_dict()
    keys = [[key, list(value.shape)] for key, value in state.items()]
    entry = {
        "entries": len(keys),
        "sha256": hashlib.sha256(json.dumps(keys, separators=(",", ":")).encode()).hexdigest(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "init": [[key, float(value.float().mean()), float(value.float().std(unbiased=False)), float(value.abs().max())]
                 for key, value in model.named_parameters()] if size else [],
    }
    if size:
        with torch.no_grad():
            for k, (key, value) in enumerate(state.items()):
                value.copy_(torch.from_numpy(fill(key, list(value.shape), k)))
        model.eval()
        x = torch.from_numpy(1.5 * v(2 * 3 * size * size, 1000).reshape(2, 3, size, size)).float()
        logits = model(x)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 7]))
        loss.backward()
        entry["size"] = size
        entry["logits"] = logits.detach().tolist()
        entry["loss"] = float(loss)
        entry["gradNorms"] = [[key, float(p.grad.norm())] for key, p in model.named_parameters()]
    out["models"][name] = entry
    print(name, file=sys.stderr)
json.dump(out, sys.stdout)
