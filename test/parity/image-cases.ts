// Image cases: resize, resized crop and evaluation transform equal Pillow's and torchvision's, byte for byte.

import { evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import type { FilterName } from "../../runtime/image/input-transform.js";
import { resize } from "../../runtime/image/resize.js";
import { trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { IMAGENET_MEAN, IMAGENET_STD, normalizationTable } from "../../runtime/models/config.js";
import type { CaseGroup } from "./case.js";
import { compare } from "./compare.js";
import { imageModule, numbersOf, tensorOf } from "./image-module.js";

interface ResizeCase {
  key: string;
  image: string;
  filter: FilterName;
  size_wh: [number, number];
}

export const resizeCases: CaseGroup = async function* (context) {
  const file = "resize.safetensors";
  if (!context.has(file) || !context.has("resize.json")) return;
  const module = await imageModule();
  for (const { key, image, filter, size_wh } of context.json<ResizeCase[]>("resize.json")) {
    if (!context.has(image)) continue;
    const [width, height] = size_wh;
    const expected = numbersOf(tensorOf(context, file, key));
    const picture = context.png(image);
    for (const scalar of [false, true]) {
      const { data } = resize(module, picture, { width, height, filter, scalar });
      yield compare(`resize/${key}${scalar ? " (scalar)" : ""}`, data, expected, 0);
    }
  }
};

interface ResizedCropCase {
  key: string;
  top: number;
  left: number;
  width: number;
  height: number;
  size: number;
  hflip: boolean;
}

export const resizedCropCases: CaseGroup = async function* (context) {
  const file = "resized_crop.safetensors";
  if (!context.has(file) || !context.has("resized_crop.json") || !context.has("img_photo.png")) return;
  const module = await imageModule();
  const picture = context.png("img_photo.png");
  const key = { seed: 0, epoch: 0, index: 0, repeat: 0 };
  for (const { key: name, size, hflip: flip, ...crop } of context.json<ResizedCropCase[]>(
    "resized_crop.json",
  )) {
    const draw = { crop, flip, operations: [], erase: [], key };
    const pixels = trainingInputOfPixels(module, picture, draw, { size });
    yield compare(`resized_crop/${name}`, pixels, numbersOf(tensorOf(context, file, name)), 0);
  }
};

/** uint8 [size, size, 3] → float32 [3, size, size], by the table that the model's first operation reads. */
function normalize(pixels: Uint8Array): Float32Array {
  const table = normalizationTable({ mean: IMAGENET_MEAN, std: IMAGENET_STD });
  const plane = pixels.length / 3;
  return Float32Array.from({ length: pixels.length }, (_, i) => {
    const channel = Math.floor(i / plane);
    return table[channel * 256 + (pixels[(i % plane) * 3 + channel] as number)] as number;
  });
}

export const evaluationCases: CaseGroup = async function* (context) {
  const file = "eval_transform.safetensors";
  if (!context.has(file) || !context.has("img_eval.png")) return;
  const module = await imageModule();
  const picture = context.png("img_eval.png");
  for (const [name, expected] of context.tensors(file)) {
    const [, ratio, kind] = /^crop([\d.]+)\.(\w+)$/.exec(name) ?? [];
    const cropped = context.tensors(file).get(`crop${ratio}.cropped_u8`);
    const size = cropped?.shape[0];
    if (size === undefined) continue;
    const pixels = evaluationInputOfPixels(module, picture, { size, cropRatio: Number(ratio) });
    const numbers = numbersOf(expected);
    if (kind === "cropped_u8") yield compare(`eval_transform/${name}`, pixels, numbers, 0);
    else if (kind === "resized_u8") {
      const [height = 0, width = 0] = expected.shape;
      yield compare(`eval_transform/${name}`, resize(module, picture, { width, height }).data, numbers, 0);
    } else if (kind === "normalized")
      yield compare(`eval_transform/${name}`, normalize(pixels), numbers, context.tolerance(file, name, 1));
  }
};
