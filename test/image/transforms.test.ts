// Evaluation and training inputs equal the composition of their documented steps, and do not leak memory.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EraseDraw, ResizedWindow, SampleDraw } from "../../runtime/draw/draw.js";
import { type AugmentationRecipe, DEIT_RECIPE, type EraseMode } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { evaluationInput, evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { type RgbImage, resize } from "../../runtime/image/resize.js";
import { trainingInput, trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { roundHalfEven } from "../../runtime/round-half-even.js";
import { cropOf, flipOf, jpegOf, syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());
const key = { seed: 5, epoch: 1, index: 2, repeat: 0 };
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const whole = (width: number, height: number): SampleDraw => ({
  crop: { top: 0, left: 0, width, height },
  flip: false,
  operations: [],
  erase: [],
  key,
});

test("the evaluation input is the center of the whole resized picture, for wide, tall and square ones", () => {
  const sizes: [number, number][] = [
    [90, 61],
    [61, 90],
    [64, 64],
    [33, 200],
    [201, 34],
    [7, 5],
  ];
  for (const [width, height] of sizes) {
    const picture = syntheticPicture(module.math, width * height, width, height);
    for (const [size, cropRatio] of [
      [48, 0.875],
      [33, 0.9],
      [40, 1],
    ] as const) {
      const short = Math.trunc(size / cropRatio);
      const [w, h] =
        width <= height
          ? [short, Math.trunc((short * height) / width)]
          : [Math.trunc((short * width) / height), short];
      const half = (difference: number) =>
        difference % 4 === 3 ? (difference + 1) / 2 : Math.floor(difference / 2);
      const resized = resize(module, picture, { width: w, height: h });
      const expected = cropOf(resized, half(h - size), half(w - size), size, size).data;
      const got = evaluationInputOfPixels(module, picture, { size, cropRatio });
      assert.ok(same(got, expected), `${width}×${height} → ${size} at ${cropRatio}`);
    }
  }
});

test("squashed, every picture has both sides resized; the crop's odd margins are rounded down on request", () => {
  for (const [width, height] of [
    [90, 61],
    [33, 200],
    [64, 64],
  ] as const) {
    const picture = syntheticPicture(module.math, width * height, width, height);
    for (const filter of ["bilinear", "lanczos"] as const) {
      const resized = resize(module, picture, { width: 43, height: 43, filter });
      const transform = { size: 40, cropRatio: 40 / 43, filter, cropMode: "squash" } as const;
      const even = evaluationInputOfPixels(module, picture, transform);
      assert.ok(same(even, cropOf(resized, 2, 2, 40, 40).data), `${width}×${height} ${filter}, even`);
      const down = evaluationInputOfPixels(module, picture, { ...transform, cropRounding: "down" });
      assert.ok(same(down, cropOf(resized, 1, 1, 40, 40).data), `${width}×${height} ${filter}, down`);
    }
  }
  const wide = jpegOf(syntheticPicture(module.math, 9, 130, 97));
  const options = { size: 32, cropRatio: 1, filter: "bilinear", cropMode: "squash" } as const;
  const expected = resize(module, decode(module, wide), { width: 32, height: 32, filter: "bilinear" }).data;
  assert.ok(same(evaluationInput(module, wide, options), expected), "from a JPEG file");
});

/**
 * timm's evaluation with crop_mode "border": ResizeKeepRatio(side, longest=1), then center_crop_or_pad with a fill, on
 * the whole resized picture.
 */
function bordered(picture: RgbImage, size: number, cropRatio: number, fill: readonly number[]): Uint8Array {
  const side = Math.floor(size / cropRatio);
  const ratio = Math.max(picture.height / side, picture.width / side);
  const [w, h] = [picture.width, picture.height].map((length) => Math.max(1, roundHalfEven(length / ratio)));
  const resized = resize(module, picture, { width: w, height: h });
  // Padded at the left and top by half of what is missing, rounded down; cropped from round(half of the rest).
  const begin = (length: number) =>
    length < size ? -Math.floor((size - length) / 2) : roundHalfEven((length - size) / 2);
  const [left, top] = [begin(w), begin(h)];
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [y, x] = [top + Math.floor(i / (3 * size)), left + (Math.floor(i / 3) % size)];
    const inside = y >= 0 && y < h && x >= 0 && x < w;
    return inside ? resized.data[(y * w + x) * 3 + (i % 3)] : fill[i % 3];
  });
}

test("with a border, the long side is resized, and what is missing has its color", () => {
  const borderColor = [124, 116, 104] as const;
  for (const [width, height] of [
    [90, 61],
    [61, 90],
    [64, 64],
    [33, 200],
    [200, 33],
    [201, 34],
    [300, 1],
    [7, 5],
  ] as const) {
    const picture = syntheticPicture(module.math, width * height, width, height);
    for (const [size, cropRatio] of [
      [48, 1],
      [48, 0.875],
      [33, 0.9],
      [40, 0.6],
    ] as const) {
      const transform = { size, cropRatio, cropMode: "border", borderColor } as const;
      const got = evaluationInputOfPixels(module, picture, transform);
      assert.ok(same(got, bordered(picture, size, cropRatio, borderColor)), `${width}×${height} → ${size}`);
    }
  }
  const file = jpegOf(syntheticPicture(module.math, 9, 130, 97));
  const options = { size: 32, cropRatio: 1, cropMode: "border", borderColor } as const;
  const expected = bordered(decode(module, file), 32, 1, borderColor);
  assert.ok(same(evaluationInput(module, file, options), expected), "from a JPEG file");
});

test("a crop larger than the resized picture is padded with black around the middle", () => {
  const picture = syntheticPicture(module.math, 4, 40, 40);
  const got = evaluationInputOfPixels(module, picture, { size: 30, cropRatio: 1.5 });
  const small = resize(module, picture, { width: 20, height: 20 });
  assert.ok(same(cropOf({ width: 30, height: 30, data: got }, 5, 5, 20, 20).data, small.data));
  const sum = (data: Uint8Array) => data.reduce((total, byte) => total + byte, 0);
  assert.is(sum(got), sum(small.data));
});

test("inputs from a JPEG file equal those from its decoded pixels", () => {
  const file = jpegOf(syntheticPicture(module.math, 5, 130, 97));
  const picture = decode(module, file);
  assert.ok(
    same(evaluationInput(module, file, { size: 56 }), evaluationInputOfPixels(module, picture, { size: 56 })),
  );
  const draw = drawSample(module.math, key, picture, { ...DEIT_RECIPE, size: 56, eraseProbability: 1 });
  const got = trainingInput(module, file, draw, { size: 56 });
  assert.ok(same(got, trainingInputOfPixels(module, picture, draw, { size: 56 })));
});

test("crop comes before resize, and flip mirrors the result: neighbors outside the crop do not contribute", () => {
  for (let number = 0; number < 40; number++) {
    const picture = syntheticPicture(module.math, number, 20 + number, 75 - number);
    const recipe = { ...DEIT_RECIPE, autoAugment: null, colorJitter: 0, eraseProbability: 0 };
    const draw = drawSample(module.math, { ...key, index: number }, picture, recipe);
    const { top, left, height, width } = draw.crop;
    const crop = cropOf(picture, top, left, height, width);
    for (const filter of ["bicubic", "bilinear", "nearest"] as const) {
      const unflipped = resize(module, crop, { width: 24, height: 24, filter });
      const expected = draw.flip ? flipOf(unflipped) : unflipped;
      const got = trainingInputOfPixels(module, picture, draw, { size: 24, filter });
      assert.ok(same(got, expected.data), `picture ${number}, ${filter}`);
    }
  }
});

test("erasing changes only its rectangle; noise depends on position and key, a color on the box", () => {
  const picture = syntheticPicture(module.math, 8, 32, 32);
  const box = { top: 4, left: 7, height: 12, width: 9 };
  const erased = (erase: EraseDraw[], repeat = 0) =>
    trainingInputOfPixels(
      module,
      picture,
      { ...whole(32, 32), erase, key: { ...key, repeat } },
      { size: 32 },
    );
  const inside = (data: Uint8Array, at = box) => {
    const cut = cropOf({ width: 32, height: 32, data }, at.top, at.left, at.height, at.width);
    return cut.data;
  };
  for (const mode of ["pixel", "random", "const"] as EraseMode[]) {
    const got = erased([{ ...box, mode }]);
    const restored = Uint8Array.from(got);
    for (let y = box.top; y < box.top + box.height; y++) {
      const start = (y * 32 + box.left) * 3;
      restored.set(picture.data.subarray(start, start + box.width * 3), start);
    }
    assert.ok(same(restored, picture.data), mode);
    const colors = new Set<number>();
    const data = inside(got);
    for (let i = 0; i < data.length; i += 3)
      colors.add((data[i] as number) * 65536 + (data[i + 1] as number) * 256 + (data[i + 2] as number));
    if (mode === "pixel") assert.ok(colors.size > 100);
    else assert.is(colors.size, 1);
    if (mode === "const") assert.ok(colors.has(124 * 65536 + 116 * 256 + 104));
    else assert.not.ok(same(inside(erased([{ ...box, mode }], 1)), data), `${mode} with another key`);
  }
  const part = { top: 8, left: 9, height: 3, width: 4 };
  const large = inside(erased([{ ...box, mode: "pixel" }]), part);
  assert.ok(same(inside(erased([{ ...part, mode: "pixel" }]), part), large));
});

/** Φ(x), by numerical integration of the density from −8. */
function normalDistribution(x: number): number {
  const step = (x + 8) / 2000;
  let sum = 0;
  for (let i = 0; i < 2000; i++) sum += Math.exp(-0.5 * (-8 + (i + 0.5) * step) ** 2);
  return (sum * step) / Math.sqrt(2 * Math.PI);
}

/** numpy.pad(picture, 4, mode="reflect"), then the window [size, size] at (top, left) of the padded picture. */
function reflectedCrop(picture: RgbImage, top: number, left: number, size: number): Uint8Array {
  const { width, height, data } = picture;
  const inside = (place: number, side: number) => {
    const from = Math.abs(place - 4);
    return from < side ? from : 2 * (side - 1) - from;
  };
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [y, x] = [Math.floor(i / (3 * size)), Math.floor(i / 3) % size];
    return data[(inside(top + y, height) * width + inside(left + x, width)) * 3 + (i % 3)];
  });
}

test("the simple random crop is Resize, a crop of the reflected picture, and a flip, wherever it falls", () => {
  const size = 24;
  const recipe: AugmentationRecipe = {
    ...DEIT_RECIPE,
    ...{ size, simpleCrop: true, autoAugment: null, colorJitter: 0, eraseProbability: 0 },
  };
  const places = new Set<string>();
  for (const [width, height] of [
    [90, 61],
    [61, 90],
    [64, 64],
    [24, 24],
    [33, 200],
    [7, 5],
  ] as const) {
    const picture = syntheticPicture(module.math, width * height, width, height);
    const [w, h] =
      width <= height
        ? [size, Math.trunc((size * height) / width)]
        : [Math.trunc((size * width) / height), size];
    const resized = resize(module, picture, { width: w, height: h });
    for (let index = 0; index < 60; index++) {
      const draw = drawSample(module.math, { ...key, index }, picture, recipe);
      assert.equal(draw.crop, { top: 0, left: 0, width, height });
      const { top, left } = draw.window as ResizedWindow;
      places.add(`${Math.sign(left)} ${Math.sign(left + size - w)} ${draw.flip}`);
      const cropped = { width: size, height: size, data: reflectedCrop(resized, top + 4, left + 4, size) };
      const expected = draw.flip ? flipOf(cropped).data : cropped.data;
      const got = trainingInputOfPixels(module, picture, draw, { size });
      assert.ok(same(got, expected), `${width}×${height}: ${JSON.stringify(draw.window)}, flip ${draw.flip}`);
    }
  }
  // Outside on the left, on the right, on neither side; flipped and not.
  for (const place of ["-1 -1 true", "-1 -1 false", "1 1 true", "1 -1 true", "1 -1 false", "0 0 false"])
    assert.ok(places.has(place), `no draw was ${place}: ${[...places].join(", ")}`);
  const file = jpegOf(syntheticPicture(module.math, 3, 130, 97));
  const decoded = decode(module, file);
  const drawn = drawSample(module.math, key, decoded, { ...recipe, autoAugment: "3a" });
  const got = trainingInput(module, file, drawn, { size });
  assert.ok(same(got, trainingInputOfPixels(module, decoded, drawn, { size })), "from a JPEG file");
});

test("the simple random crop's places are uniform over the reflected picture", () => {
  const recipe = { ...DEIT_RECIPE, size: 32, simpleCrop: true };
  const tops = new Map<number, number>();
  const lefts = new Map<number, number>();
  for (let index = 0; index < 4500; index++) {
    const image = { width: 32, height: 40 };
    const { window } = drawSample(module.math, { ...key, index }, image, recipe);
    const { top, left, width, height } = window as ResizedWindow;
    assert.equal([width, height], [32, 40]);
    tops.set(top, (tops.get(top) ?? 0) + 1);
    lefts.set(left, (lefts.get(left) ?? 0) + 1);
  }
  // 40 + 8 - 32 + 1 rows and 32 + 8 - 32 + 1 columns to start at.
  assert.equal([Math.min(...tops.keys()), Math.max(...tops.keys()), tops.size], [-4, 12, 17]);
  assert.equal([Math.min(...lefts.keys()), Math.max(...lefts.keys()), lefts.size], [-4, 4, 9]);
  for (const counts of [tops, lefts])
    for (const count of counts.values()) {
      const mean = 4500 / counts.size;
      assert.ok(Math.abs(count - mean) < 4.5 * Math.sqrt(mean), `${count} of ${mean}`);
    }
});

test("a window too far outside, or of nearest, is refused", () => {
  const picture = syntheticPicture(module.math, 10, 32, 32);
  const refused = (window: ResizedWindow, options: { size: number; filter?: "nearest" } = { size: 32 }) =>
    assert.throws(
      () => trainingInputOfPixels(module, picture, { ...whole(32, 32), window }, options),
      (error: unknown) => isVitrineError(error) && error.code === "image/bad-argument",
      JSON.stringify(window),
    );
  const window = { width: 32, height: 32, top: 0, left: 0 };
  for (const place of [-16, 16, 40, -40]) {
    refused({ ...window, left: place });
    refused({ ...window, top: place });
  }
  refused({ ...window, width: 0 });
  refused({ ...window, width: 2 ** 31 });
  refused({ ...window, top: 0.5 });
  refused(window, { size: 32, filter: "nearest" });
  trainingInputOfPixels(
    module,
    picture,
    { ...whole(32, 32), window: { ...window, left: -15 } },
    { size: 32 },
  );
});

test("erase noise has ImageNet's mean and deviation per channel", () => {
  const picture = syntheticPicture(module.math, 9, 200, 200);
  const erase: EraseDraw[] = [{ top: 0, left: 0, height: 200, width: 200, mode: "pixel" }];
  const data = trainingInputOfPixels(module, picture, { ...whole(200, 200), erase }, { size: 200 });
  const expected = [
    [0.485, 0.229],
    [0.456, 0.224],
    [0.406, 0.225],
  ] as const;
  expected.forEach(([mean, deviation], channel) => {
    const values = Float64Array.from({ length: 40_000 }, (_, i) => (data[3 * i + channel] as number) / 255);
    const found = values.reduce((sum, value) => sum + value) / values.length;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - found) ** 2, 0) / values.length);
    assert.ok(Math.abs(found - mean) < 0.01, `mean ${found}`);
    // Clipping at 0 and 255 trims the tails slightly.
    assert.ok(spread < deviation && spread > deviation - 0.02, `deviation ${spread}`);
    // Kolmogorov–Smirnov: the largest difference of the distributions, 1.95 / √40,000 at a significance level of 0.1%.
    const counts = new Uint32Array(256);
    for (const value of values) counts[Math.round(value * 255)]!++;
    let fraction = 0;
    for (let byte = 0; byte < 255; byte++) {
      fraction += counts[byte]! / values.length;
      const exact = normalDistribution(((byte + 0.5) / 255 - mean) / deviation);
      assert.ok(
        Math.abs(fraction - exact) < 0.00975,
        `channel ${channel}: ${fraction} up to ${byte}, not ${exact}`,
      );
    }
  });
});

test("crops and boxes out of range, and unknown operations, are refused by name", () => {
  const picture = syntheticPicture(module.math, 10, 32, 32);
  const attempts: [string, SampleDraw][] = [
    ["image/bad-argument", { ...whole(33, 32) }],
    ["image/bad-argument", { ...whole(32, 32), crop: { top: -1, left: 0, height: 5, width: 5 } }],
    ["image/bad-argument", { ...whole(32, 32), crop: { top: 30, left: 0, height: 5, width: 5 } }],
    [
      "image/bad-argument",
      { ...whole(32, 32), erase: [{ top: 30, left: 0, height: 5, width: 5, mode: "pixel" }] },
    ],
    ["image/unknown-operation", { ...whole(32, 32), operations: [{ name: "Sepia", argument: 0 }] }],
  ];
  for (const [code, draw] of attempts)
    assert.throws(
      () => trainingInputOfPixels(module, picture, draw, { size: 32 }),
      (error: unknown) => isVitrineError(error) && error.code === code,
    );
});

test("after the first image of a size no call grows the memory", () => {
  const file = jpegOf(syntheticPicture(module.math, 11, 300, 220));
  const draws = Array.from({ length: 60 }, (_, index) =>
    drawSample(
      module.math,
      { ...key, index },
      { width: 300, height: 220 },
      { ...DEIT_RECIPE, eraseProbability: 1 },
    ),
  );
  const into = new Uint8Array(224 * 224 * 3);
  trainingInput(
    module,
    file,
    { ...whole(300, 220), erase: [{ top: 0, left: 0, height: 200, width: 200, mode: "pixel" }] },
    { size: 224, into },
  );
  const held = module.memoryBytes();
  for (const draw of draws) trainingInput(module, file, draw, { size: 224, into });
  assert.is(module.memoryBytes(), held);
});

test.run();
