"""PyTorch's side of the training-step benchmark: answers each line on stdin with the milliseconds of one step."""

import json
import sys
import time

import torch
import torchvision

model_name, dtype, batch, size, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(threads)
torch.manual_seed(0)
# Channels-last is PyTorch's fastest layout on CPUs, in float32 as in bfloat16.
model = getattr(torchvision.models, model_name)().to(memory_format=torch.channels_last).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
labels = torch.randint(0, 1000, (batch,))


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
        loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


print(json.dumps({"ready": f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"}), flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    loss = step()
    print(json.dumps({"ms": (time.perf_counter() - start) * 1000, "loss": loss}), flush=True)
