"""Images per second of torchvision's v1 transforms on one core, for the side-by-side bench (see run.ts).

usage: torchvision_bench.py PIPELINE FILE_LIST SECONDS   (PIPELINE: default, basketball_jersey, validation)
Prints one JSON object. The six degradations are those of the original system: PIL and numpy code, reproduced here.
"""

import io
import json
import random
import sys
import time

import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T

torch.set_num_threads(1)

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Jpeg:
    def __init__(self, low, high, p):
        self.low, self.high, self.p = low, high, p

    def __call__(self, image):
        if random.random() >= self.p:
            return image
        buffer = io.BytesIO()
        image.save(buffer, format="JPEG", quality=random.randint(self.low, self.high))
        buffer.seek(0)
        return Image.open(buffer).convert("RGB")


class Downscale:
    def __init__(self, low, high, p, mode):
        self.low, self.high, self.p, self.mode = low, high, p, mode

    def __call__(self, image):
        if random.random() >= self.p:
            return image
        scale, (w, h) = random.uniform(self.low, self.high), image.size
        small = image.resize((max(1, int(w * scale)), max(1, int(h * scale))), self.mode)
        return small.resize((w, h), self.mode)


class Noise:
    def __init__(self, low, high, p):
        self.low, self.high, self.p = low, high, p

    def __call__(self, image):
        if random.random() >= self.p:
            return image
        array = np.asarray(image, dtype=np.float32)
        noise = np.random.default_rng().normal(0, random.uniform(self.low, self.high), array.shape)
        return Image.fromarray(np.clip(array + noise, 0, 255).astype(np.uint8))


class ZoomIn:
    def __call__(self, image):
        w, h = image.size
        scale = random.uniform(0.5, 1.0)
        cw, ch = max(1, int(w * scale)), max(1, int(h * scale))
        x, y = random.randint(0, w - cw), random.randint(0, h - ch)
        return image.crop((x, y, x + cw, y + ch)).resize((w, h), Image.BILINEAR)


class ZoomOut:
    def __call__(self, image):
        w, h = image.size
        scale = random.uniform(1.1, 2.0)
        cw, ch = int(w * scale), int(h * scale)
        canvas = Image.new("RGB", (cw, ch), (124, 116, 104))
        canvas.paste(image, (random.randint(0, cw - w), random.randint(0, ch - h)))
        return canvas.resize((w, h), Image.BILINEAR)


def pipeline(name):
    tail = [T.ToTensor(), T.Normalize(MEAN, STD)]
    if name == "default":
        head = [T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ColorJitter(0.2, 0.2, 0.2, 0.1)]
        return T.Compose(head + tail)
    if name == "validation":
        return T.Compose([T.Resize(256), T.CenterCrop(224)] + tail)
    degrade = [
        Jpeg(5, 55, 0.7),
        Downscale(0.1, 0.5, 0.4, Image.NEAREST),
        Downscale(0.1, 0.45, 0.5, Image.BILINEAR),
        Noise(10, 40, 0.6),
        T.RandomChoice([ZoomIn(), ZoomOut()]),
    ]
    head = [
        T.RandomResizedCrop(224),
        T.RandomAffine(25, translate=(0.1, 0.1), scale=(0.85, 1.15), shear=15),
        T.RandomPerspective(0.3, p=0.4),
        T.ColorJitter(0.2, 0.2, 0.2, 0.1),
        T.GaussianBlur(7, sigma=(0.5, 3.5)),
        T.RandomApply(degrade, p=0.85),
    ]
    return T.Compose(head + tail + [T.RandomErasing(p=0.3, scale=(0.02, 0.2))])


def main():
    name, listing, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    with open(listing, encoding="utf-8") as file:
        paths = file.read().split("\n")
    transform = pipeline(name)
    load = lambda path: transform(Image.open(path).convert("RGB"))
    for path in paths[:20]:
        load(path)
    count, started, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        # A batch is what a DataLoader's default collate makes of its samples.
        torch.stack([load(paths[(count + i) % len(paths)]) for i in range(32)])
        count += 32
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"images": count, "wallSeconds": wall, "cpuSeconds": cpu}))


main()
