# Pillow and torchvision as a peer: decode, RandomResizedCrop, flip, RandAugment and erasing, uint8 out.
# python3 pillow.py LIST; the protocol is peer.ts's.

import io
import json
import random
import sys
import time

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.transforms import Compose, InterpolationMode, RandomHorizontalFlip, RandomResizedCrop

from rand_augment import RandAugment
from random_erasing import RandomErasing

SIZE = 224
torch.set_num_threads(1)
for seed in (random.seed, np.random.seed, torch.manual_seed):
    seed(0)

# timm's order: the crop is resized by Pillow's bicubic, erasing comes last.
TRANSFORM = Compose(
    [
        RandomResizedCrop(SIZE, interpolation=InterpolationMode.BICUBIC),
        RandomHorizontalFlip(),
        RandAugment(),
        np.array,
        RandomErasing(),
    ]
)


def load(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def fnv(data):
    state = 0x811C9DC5
    for byte in data:
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state


def send(message):
    print(json.dumps(message), flush=True)


def main():
    files = []
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            with open(line.rstrip("\n").split(" ", 4)[4], "rb") as file:
                files.append(file.read())
    send({"ready": f"Pillow {PIL.__version__}, torchvision {torchvision.__version__}"})
    for line in sys.stdin:
        job, first, last = line.split()
        part = files[int(first) : int(last)]
        if job == "hash":
            send({"hashes": [fnv(load(data).tobytes()) for data in part]})
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        for data in part:
            TRANSFORM(load(data))
        send({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu})


main()
