# Fine-tuning by PyTorch, the peer of finetune.ts: the same starting weights, schedule, AdamW and validation input, with
# crops, flips and erasing of its own. python3 finetune_torch.py FOLDER SEED; its last line is {"top1", "loss"}.

import json
import math
import os
import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "peers"), os.path.join(HERE, "..", "image")]

from deit_torch import forward, load, refuse_reference_blas  # noqa: E402
from random_erasing import RandomErasing  # noqa: E402

# torchvision's RandomResizedCrop gives up after so many boxes that do not fit.
CROP_TRIES = 10
# torch's trunc_normal_ of a new head, as in timm.
HEAD_STD = 0.02


def random_crop(image, size, scale, ratio):
    """torchvision's RandomResizedCrop with Pillow's bicubic filter."""
    width, height = image.size
    for _ in range(CROP_TRIES):
        area = width * height * random.uniform(*scale)
        aspect = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top, left = random.randint(0, height - h), random.randint(0, width - w)
            return image.crop((left, top, left + w, top + h)).resize((size, size), Image.BICUBIC)
    aspect = min(max(width / height, ratio[0]), ratio[1])
    w, h = (width, round(width / aspect)) if width / height < aspect else (round(height * aspect), height)
    w, h = min(w, width), min(h, height)
    left, top = (width - w) // 2, (height - h) // 2
    return image.crop((left, top, left + w, top + h)).resize((size, size), Image.BICUBIC)


def center_crop(image, size, resized):
    """torchvision's Resize(resized, bicubic) of the short side and CenterCrop(size)."""
    width, height = image.size
    if width <= height:
        image = image.resize((resized, int(resized * height / width)), Image.BICUBIC)
    else:
        image = image.resize((int(resized * width / height), resized), Image.BICUBIC)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


class Images:
    """Files [(path, label)], each decoded once and kept."""

    def __init__(self, files, settings):
        self.images = [Image.open(path).convert("RGB") for path, _ in files]
        self.labels = torch.tensor([label for _, label in files])
        self.settings = settings
        self.erase = RandomErasing()

    def tensor(self, pixels):
        """uint8 [batch, size, size, 3] -> normalized [batch, 3, size, size]."""
        mean, std = (torch.tensor(self.settings[name]) for name in ("mean", "std"))
        return ((torch.from_numpy(pixels).float() / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()

    def augmented(self, indices):
        s, samples = self.settings, []
        for index in indices:
            image = random_crop(self.images[index], s["size"], s["scale"], s["ratio"])
            if random.random() < s["flip"]:
                image = image.transpose(Image.FLIP_LEFT_RIGHT)
            samples.append(self.erase(np.array(image)))
        return self.tensor(np.stack(samples)), self.labels[indices]

    def centered(self, indices):
        s = self.settings
        samples = [np.array(center_crop(self.images[index], s["size"], s["resized"])) for index in indices]
        return self.tensor(np.stack(samples)), self.labels[indices]


def optimizer_of(weights, settings):
    def decayed(name, weight):
        return not (weight.ndim == 1 or name.endswith(".bias") or name in settings["noDecay"])

    groups = [
        {"params": [w for name, w in weights.items() if decayed(name, w) is flag], "weight_decay": decay}
        for flag, decay in ((True, settings["weightDecay"]), (False, 0.0))
    ]
    return torch.optim.AdamW(groups, lr=0, betas=settings["betas"], eps=settings["epsilon"])


def train(config, weights, data, settings):
    for weight in weights.values():
        weight.requires_grad_()
    optimizer = optimizer_of(weights, settings)
    batch = settings["batchSize"]
    # One rate for each epoch, the schedule of the run that this one is compared with.
    for epoch, rate in enumerate(settings["rates"]):
        for group in optimizer.param_groups:
            group["lr"] = rate
        order = torch.randperm(len(data.images)).tolist()
        losses = []
        for start in range(0, len(order) - batch + 1, batch):
            image, labels = data.augmented(order[start : start + batch])
            logits, _ = forward(config, weights, image)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print("epoch %d: loss %.4f" % (epoch + 1, sum(losses) / len(losses)), file=sys.stderr, flush=True)


def validate(config, weights, data, batch):
    correct, loss, count = 0, 0.0, len(data.images)
    with torch.inference_mode():
        for start in range(0, count, batch):
            image, labels = data.centered(list(range(start, min(count, start + batch))))
            logits, _ = forward(config, weights, image)
            correct += (logits.argmax(-1) == labels).sum().item()
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
    return {"top1": 100 * correct / count, "loss": loss / count}


def main():
    folder, seed = sys.argv[1], int(sys.argv[2])
    refuse_reference_blas()
    for set_seed in (random.seed, np.random.seed, torch.manual_seed):
        set_seed(seed)
    with open(os.path.join(folder, "finetune.json"), encoding="utf-8") as file:
        settings = json.load(file)
    config, weights = load(folder)
    weights["head.weight"] = torch.nn.init.trunc_normal_(
        torch.empty(settings["classes"], config["dim"]), std=HEAD_STD
    )
    weights["head.bias"] = torch.zeros(settings["classes"])
    train(config, weights, Images(settings["train"], settings), settings)
    scores = validate(config, weights, Images(settings["val"], settings), settings["batchSize"])
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
