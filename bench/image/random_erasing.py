# Random erasing of timm 0.3.2 in `pixel` mode, on uint8: the noise is normal in normalized values and rounded.

import math
import random

import torch

MEAN = torch.tensor([0.485, 0.456, 0.406]) * 255
STD = torch.tensor([0.229, 0.224, 0.225]) * 255


class RandomErasing:
    """uint8 [height, width, 3] in place, with probability 0.25 one box of 2 to 33 % of the area."""

    def __call__(self, image):
        if random.random() > 0.25:
            return image
        height, width, _ = image.shape
        for _ in range(10):
            area = random.uniform(0.02, 1 / 3) * height * width
            aspect = math.exp(random.uniform(math.log(0.3), math.log(1 / 0.3)))
            tall, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if wide < width and tall < height:
                top, left = random.randint(0, height - tall), random.randint(0, width - wide)
                noise = torch.empty((tall, wide, 3)).normal_().mul_(STD).add_(MEAN).round_().clamp_(0, 255)
                image[top : top + tall, left : left + wide] = noise.to(torch.uint8).numpy()
                break
        return image
