"""Records what the models of torchvision and timm do, for recorded-models.ts and pretrained.test.ts:
python3 make-models-golden.py > fixtures/models.json (torchvision 0.14, timm 1.0)

Weights and inputs come from a hash, so that no file of weights is needed: v(i, k) in [-1, 1) of flat index i and
ordinal k in state_dict() order (see `v` in hash-fill.ts, which makes the same numbers).
"""
import base64, hashlib, json, sys, zlib
import numpy as np
import timm, torch, torchvision
from timm.layers import resample_abs_pos_embed
from torchvision.models import get_model

torch.set_num_threads(1)
# side of the input
MODELS = {
    "resnet18": 64, "resnet34": 64, "resnet50": 64, "resnet101": 64, "resnet152": 64,
    "resnext50_32x4d": 64, "resnext101_32x8d": 64, "resnext101_64x4d": 64, "wide_resnet50_2": 64, "wide_resnet101_2": 64,
    "mobilenet_v2": 64, "mobilenet_v3_small": 64, "mobilenet_v3_large": 64,
    "efficientnet_b0": 64, "efficientnet_b1": 64, "efficientnet_b2": 64, "efficientnet_b3": 64, "efficientnet_b4": 64,
    "efficientnet_b5": 32, "efficientnet_b6": 64, "efficientnet_b7": 64, "efficientnet_v2_s": 64,
    "convnext_tiny": 64, "convnext_small": 32, "convnext_base": 64, "regnet_y_400mf": 64, "regnet_y_800mf": 64,
    "densenet121": 64, "swin_t": 72, "vit_b_16": 32,
    "vit_tiny_patch16_224": 32, "vit_small_patch16_224": 32, "vit_small_patch14_dinov2": 28,
}
# larger copies of others, without the statistics of each parameter
LARGE = ["resnet101", "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet101_2",
         "efficientnet_b6", "efficientnet_b7", "convnext_base"]
TIMM = ["vit_tiny_patch16_224", "vit_small_patch16_224", "vit_small_patch14_dinov2"]
# timm's networks whose weights the loader renames
RENAMED = {"mobilenet_v2": "mobilenetv2_100", "efficientnet_b4": "efficientnet_b4", "regnet_y_400mf": "regnety_004",
           "regnet_y_800mf": "regnety_008_tv", "swin_t": "swin_tiny_patch4_window7_224", "densenet121": "densenet121"}


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
    elif name.endswith("relative_position_index"):
        return None
    elif name.endswith("layer_scale"):
        values = 0.5 + 0.1 * values
    elif len(shape) <= 1:
        values = 1 + 0.1 * values
    else:
        values = values * np.sqrt(3 / np.prod(shape[1:]))
    return values.reshape(shape)


def digits(value, count):
    return float(f"{float(value):.{count}g}")


def statistics(parameter):
    """Mean and standard deviation, without the rare samples that trunc_normal_ puts at its far bounds of 2."""
    values = parameter[parameter.abs() < 2]
    return [digits(values.mean(), 4), digits(values.std(unbiased=False), 4)]


def shapes(state):
    return [[key, list(value.shape)] for key, value in state.items()]


def make(name, size):
    if name in TIMM:
        return timm.create_model(name, num_classes=10, img_size=size)
    return get_model(name, weights=None, num_classes=10, **({"image_size": size} if name == "vit_b_16" else {}))


out = {"_meta": {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__,
                 "numClasses": 10}, "models": {}, "timm": {}}
for name, size in MODELS.items():
    torch.manual_seed(0)
    model = make(name, size)
    state = model.state_dict()
    keys = shapes(state)
    entry = {
        "entries": len(keys),
        "sha256": hashlib.sha256(json.dumps(keys, separators=(",", ":")).encode()).hexdigest(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "init": [] if name in LARGE else [statistics(value) for value in model.parameters()],
    }
    with torch.no_grad():
        for k, (key, value) in enumerate(state.items()):
            filled = fill(key, list(value.shape), k)
            if filled is not None:
                value.copy_(torch.from_numpy(filled))
    model.eval()
    x = torch.from_numpy(1.5 * v(2 * 3 * size * size, 1000).reshape(2, 3, size, size)).float()
    logits = model(x)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 7]))
    loss.backward()
    entry["size"] = size
    entry["logits"] = [[digits(value, 7) for value in row] for row in logits.tolist()]
    entry["loss"] = digits(loss, 7)
    entry["gradNorms"] = [] if name in LARGE else [digits(p.grad.norm(), 6) for p in model.parameters()]
    out["models"][name] = entry
    print(name, file=sys.stderr)
for name, other in RENAMED.items():
    text = json.dumps(shapes(timm.create_model(other, num_classes=10).state_dict()), separators=(",", ":"))
    out["timm"][name] = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
embedding = torch.from_numpy(v(26 * 2, 3).reshape(1, 26, 2)).float()
out["positionEmbedding"] = {
    str(side): resample_abs_pos_embed(embedding, [side, side]).flatten().tolist() for side in (3, 7)
}
json.dump(out, sys.stdout, separators=(",", ":"))
