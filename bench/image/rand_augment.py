# RandAugment "rand-m9-mstd0.5-inc1" as in timm 0.3.2 with Pillow 9: two of fifteen operations, each with
# probability 0.5. timm itself is not packaged by Debian.

import random

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

FILL = (124, 116, 104)
MAGNITUDE, SPREAD = 9, 0.5


def signed(value):
    return -value if random.random() > 0.5 else value


def affine(image, matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BICUBIC, fillcolor=FILL)


def solarize_add(image, add):
    table = [min(255, v + add) if v < 128 else v for v in range(256)]
    return image.point(table * 3)


def posterize(image, bits):
    return image if bits >= 8 else ImageOps.posterize(image, bits)


def enhance(kind):
    return lambda image, f: kind(image).enhance(1 + signed(0.9 * f))


# f: the magnitude as a fraction of 10.
OPERATIONS = [
    lambda image, f: ImageOps.autocontrast(image),
    lambda image, f: ImageOps.equalize(image),
    lambda image, f: ImageOps.invert(image),
    lambda image, f: image.rotate(signed(30 * f), resample=Image.BICUBIC, fillcolor=FILL),
    lambda image, f: posterize(image, 4 - int(4 * f)),
    lambda image, f: ImageOps.solarize(image, 256 - int(256 * f)),
    lambda image, f: solarize_add(image, int(110 * f)),
    enhance(ImageEnhance.Color),
    enhance(ImageEnhance.Contrast),
    enhance(ImageEnhance.Brightness),
    enhance(ImageEnhance.Sharpness),
    lambda image, f: affine(image, (1, signed(0.3 * f), 0, 0, 1, 0)),
    lambda image, f: affine(image, (1, 0, 0, signed(0.3 * f), 1, 0)),
    lambda image, f: affine(image, (1, 0, signed(0.45 * f) * image.size[0], 0, 1, 0)),
    lambda image, f: affine(image, (1, 0, 0, 0, 1, signed(0.45 * f) * image.size[1])),
]


class RandAugment:
    def __call__(self, image):
        for operation in np.random.choice(OPERATIONS, 2):
            if random.random() <= 0.5:
                magnitude = min(10.0, max(0.0, random.gauss(MAGNITUDE, SPREAD)))
                image = operation(image, magnitude / 10)
        return image
