# PyTorch on a GPU as a peer: python3 deit_torch_gpu.py forward|train FOLDER BATCH eager|compiled f32|bf16 DEVICE STEPS
#
# The model of ../peers/deit_torch.py with PyTorch's own fused attention and fused AdamW. Pixels are uploaded as bytes and
# normalized on the device, as ours are; a call is STEPS steps that are queued without waiting in between.

import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))
from deit_torch import CHECKED_STEPS, forward, load, serve  # noqa: E402


def main():
    mode, folder, batch, form, dtype, name, steps = sys.argv[1:8]
    batch, device, steps = int(batch), torch.device(name), int(steps)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("error: this PyTorch has no CUDA device")
    if form == "compiled" and not hasattr(torch, "compile"):
        sys.exit("error: compiled needs PyTorch 2, this is " + torch.__version__)
    # f32 means float32: by default cuDNN's convolutions use TensorFloat-32, which keeps 10 bits.
    torch.backends.cudnn.allow_tf32 = False
    config, weights = load(folder)
    weights = {key: value.to(device) for key, value in weights.items()}
    size = config["imageSize"]
    raw = np.fromfile(os.path.join(folder, "pixels.u8"), dtype=np.uint8, count=batch * size * size * 3)
    pixels = torch.from_numpy(raw).reshape(batch, size, size, 3)
    if device.type == "cuda":
        pixels = pixels.pin_memory()
    mean, std = (torch.tensor(config[key], device=device).view(1, 3, 1, 1) for key in ("mean", "std"))

    def network(raw):
        image = (raw.permute(0, 3, 1, 2).float() / 255 - mean) / std
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bf16"):
            return forward(config, weights, image)

    def upload():
        return pixels.to(device, non_blocking=True)

    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize()

    if mode == "forward":
        def logits_of(raw):
            logits, distilled = network(raw)
            return (logits if distilled is None else (logits + distilled) / 2).float()

        run = torch.compile(logits_of) if form == "compiled" else logits_of

        def step():
            with torch.inference_mode():
                return run(upload()).to("cpu", non_blocking=True)

        check = step()
        wait()
    else:
        with open(os.path.join(folder, "inputs.json")) as file:
            settings = json.load(file)["settings"]
        check, step = training_step(config, weights, network, upload, settings, form, device)

    def call():
        results = [step() for _ in range(steps)]
        wait()
        return results

    serve(check.flatten().tolist(), call)


def training_step(config, weights, network, upload, settings, form, device):
    for weight in weights.values():
        weight.requires_grad_()
    is_plain = lambda key, weight: weight.ndim == 1 or key in settings["noDecay"]
    plain = [weight for key, weight in weights.items() if is_plain(key, weight)]
    decayed = [weight for key, weight in weights.items() if not is_plain(key, weight)]
    fused = {"fused": True} if device.type == "cuda" and hasattr(torch, "compile") else {}
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": plain, "weight_decay": 0.0}],
        lr=settings["learningRate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
        weight_decay=settings["weightDecay"],
        **fused,
    )
    smoothing, classes = settings["smoothing"], config["classes"]

    def loss_of(raw):
        labels = torch.arange(raw.shape[0], device=device) % classes
        targets = F.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
        return -(targets * F.log_softmax(network(raw)[0].float(), -1)).sum(-1).mean()

    run = torch.compile(loss_of) if form == "compiled" else loss_of

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = run(upload())
        loss.backward()
        optimizer.step()
        return loss.detach().to("cpu", non_blocking=True)

    def checked():
        loss = step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return loss.item()

    return torch.tensor([checked() for _ in range(CHECKED_STEPS)]), step


main()
