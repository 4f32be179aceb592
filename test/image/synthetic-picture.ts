// Synthetic picture: RGB pixels from the generator, gradients with noise, different for every number.

import { createRequire } from "node:module";
import { Domain, type DrawMath, drawStream } from "../../runtime/draw/random.js";
import type { RgbImage } from "../../runtime/image/resize.js";

const jpeg = createRequire(import.meta.url)("jpeg-js") as {
  encode(image: { width: number; height: number; data: Uint8Array }, quality: number): { data: Uint8Array };
};

/** Gradients and noise, uint8 [height, width, 3]; larger pictures contain every byte value. */
export function syntheticPicture(math: DrawMath, number: number, width: number, height: number): RgbImage {
  const chance = drawStream(math, { seed: 11, epoch: 0, index: number, repeat: 0 }, Domain.Scene);
  const data = new Uint8Array(width * height * 3);
  const slopes = Array.from({ length: 6 }, () => chance.between(-3, 3));
  const noise = chance.between(0, 90);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++) {
        const slope =
          128 +
          (slopes[channel] as number) * (x - width / 2) +
          (slopes[channel + 3] as number) * (y - height / 2);
        data[(y * width + x) * 3 + channel] = Math.min(
          255,
          Math.max(0, slope + chance.between(-noise, noise)),
        );
      }
  return { width, height, data };
}

/** The picture as a baseline JPEG file. */
export function jpegOf({ width, height, data }: RgbImage, quality = 90): Uint8Array {
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++)
    rgba.set(data.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
  return new Uint8Array(jpeg.encode({ width, height, data: rgba }, quality).data);
}

/** A rectangle of a picture, copied. */
export function cropOf(image: RgbImage, top: number, left: number, height: number, width: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(start, start + width * 3), y * width * 3);
  }
  return { width, height, data };
}

/** Mirrored left to right, copied. */
export function flipOf({ width, height, data }: RgbImage): RgbImage {
  const flipped = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++)
        flipped[(y * width + x) * 3 + channel] = data[(y * width + width - 1 - x) * 3 + channel] as number;
  return { width, height, data: flipped };
}
