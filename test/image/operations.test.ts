// Augmentation operations: vector code equals its scalar references, and the training input applies the chain between
// flip and erasing.

import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { levelArgument, operationNames } from "../../runtime/draw/rand-augment.js";
import { Domain, drawStream } from "../../runtime/draw/random.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawSample } from "../../runtime/draw/sample.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { augment } from "../../runtime/image/augment.js";
import { createImageModule } from "../../runtime/image/image-module.js";
import { trainingInputOfPixels } from "../../runtime/image/training-input.js";
import { syntheticPicture } from "./synthetic-picture.js";

const module = await createImageModule(nodeHost());
const chance = drawStream(module.math, { seed: 17, epoch: 0, index: 0, repeat: 0 }, Domain.Sample);
const NAMES = [...new Set([...operationNames(false), ...operationNames(true)]), "Grayscale", "GaussianBlur"];

/** Operations with arguments from timm's level functions, and the two of three-augment. */
function sampleArgument(name: string): number {
  if (name === "Grayscale") return 0;
  if (name === "GaussianBlur") return chance.between(0, 4);
  return levelArgument(name, chance.between(0, 10), () => chance.uniform() < 0.5);
}
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

test("vector code equals its scalar reference for every operation, on pictures from one pixel up", () => {
  for (const [n, name] of NAMES.entries())
    for (let round = 0; round < 12; round++) {
      const small = round < 5;
      const width = small ? round + 1 : 1 + chance.integer(70);
      const height = small ? 1 + chance.integer(4) : 1 + chance.integer(70);
      const picture = syntheticPicture(module.math, 100 * n + round, width, height);
      const argument = sampleArgument(name);
      const filter = round % 3 === 0 ? "bilinear" : "bicubic";
      const fast = augment(module, picture, [{ name, argument }], { filter }).data;
      const plain = augment(module, picture, [{ name, argument }], { filter, scalar: true }).data;
      assert.ok(same(fast, plain), `${name} ${argument} ${filter} ${width}×${height}`);
    }
});

test("interpolation in single precision gives the bytes of double, at full contrast and at round distances", () => {
  const data = new Uint8Array(120 * 90 * 3).map(() => 255 * chance.integer(2));
  const picture = { width: 120, height: 90, data };
  for (const name of ["Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel"])
    for (const argument of [0.25, -0.125, 45, chance.between(-0.4, 0.4), chance.between(-0.4, 0.4)]) {
      const operation = { name, argument: name === "Rotate" || argument < 1 ? argument : 1 / 3 };
      const fast = augment(module, picture, [operation]).data;
      assert.ok(
        same(fast, augment(module, picture, [operation], { scalar: true }).data),
        `${name} ${argument}`,
      );
    }
});

test("large shears and translations, by whole pixels and by simple fractions, equal the scalar reference", () => {
  const picture = syntheticPicture(module.math, 6, 70, 33);
  const attempts: [string, number[]][] = [
    ["ShearX", [1, 3, -1e9]],
    ["ShearY", [0.25, -0.5, 2, 1e9]],
    ["TranslateX", [3, -7.5, 2.25, 1e12, -1 / 128]],
    ["TranslateY", [-3, 7.5, 1 / 3, -1e12, 32]],
    ["Rotate", [1e-9, 44.999999, 90.0001]],
  ];
  for (const [name, values] of attempts)
    for (const argument of values)
      for (const filter of ["bicubic", "bilinear"] as const) {
        const fast = augment(module, picture, [{ name, argument }], { filter }).data;
        const plain = augment(module, picture, [{ name, argument }], { filter, scalar: true }).data;
        assert.ok(same(fast, plain), `${name} ${argument} ${filter}`);
      }
});

test("arguments that change nothing change nothing", () => {
  const picture = syntheticPicture(module.math, 1, 41, 29);
  const unchanged: [string, number][] = [
    ["Rotate", 0],
    ["Rotate", -360],
    ["ShearX", 0],
    ["TranslateYRel", 0],
    ["Posterize", 8],
    ["Solarize", 256],
    ["SolarizeAdd", 0],
    ["Brightness", 1],
    ["Contrast", 1],
    ["Color", 1],
    ["Sharpness", 1],
    ["GaussianBlur", 0],
  ];
  for (const [name, argument] of unchanged)
    assert.ok(same(augment(module, picture, [{ name, argument }]).data, picture.data), `${name} ${argument}`);
});

test("quarter turns of a square move pixels: four of them, or one and its inverse, are the identity", () => {
  const picture = syntheticPicture(module.math, 2, 23, 23);
  const turn = { name: "Rotate", argument: 90 };
  const once = augment(module, picture, [turn]).data;
  // Counterclockwise: the upper right corner moves to the upper left.
  assert.equal([...once.subarray(0, 3)], [...picture.data.subarray(22 * 3, 23 * 3)]);
  assert.ok(same(augment(module, picture, [turn, turn, turn, turn]).data, picture.data));
  assert.ok(same(augment(module, picture, [turn, { name: "Rotate", argument: -90 }]).data, picture.data));
  const half = augment(module, picture, [{ name: "Rotate", argument: 180 }]).data;
  assert.ok(same(half, augment(module, picture, [turn, turn]).data));
});

test("the area that a translation leaves empty takes the mean color", () => {
  const picture = syntheticPicture(module.math, 3, 20, 20);
  const { data } = augment(module, picture, [{ name: "TranslateXRel", argument: 0.45 }]);
  const pixel = (x: number) => [...data.subarray(3 * x, 3 * x + 3)];
  assert.equal(pixel(0), [...picture.data.subarray(27, 30)]);
  for (let x = 11; x < 20; x++) assert.equal(pixel(x), [124, 116, 104]);
});

test("the training input is resized and flipped, then the operations apply in order, then erasing", () => {
  const recipe = { ...DEIT_RECIPE, size: 40, autoAugment: "rand-m9-mstd0.5-inc1", eraseProbability: 1 };
  let chains = 0;
  for (let index = 0; index < 60; index++) {
    const picture = syntheticPicture(module.math, index, 60 + index, 50);
    const draw = drawSample(module.math, { seed: 1, epoch: 0, index, repeat: 0 }, picture, recipe);
    if (draw.operations.length > 1) chains++;
    const plain = trainingInputOfPixels(
      module,
      picture,
      { ...draw, operations: [], erase: [] },
      { size: 40 },
    );
    const augmented = augment(module, { width: 40, height: 40, data: plain }, draw.operations);
    const whole = { top: 0, left: 0, width: 40, height: 40 };
    const rest = { ...draw, crop: whole, flip: false, operations: [] };
    const expected = trainingInputOfPixels(module, augmented, rest, { size: 40 });
    assert.ok(same(trainingInputOfPixels(module, picture, draw, { size: 40 }), expected), `image ${index}`);
  }
  assert.ok(chains > 5, `${chains} chains of two operations`);
});

test("Gaussian blur gives Pillow's bytes", () => {
  // SHA-256 of the results of Pillow 9.4's ImageFilter.GaussianBlur on the same pictures.
  const hash = createHash("sha256");
  const sizes = [
    [1, 1],
    [7, 3],
    [64, 48],
    [5, 90],
  ] as const;
  for (const [number, [width, height]] of sizes.entries())
    for (const argument of [0.1, 0.5, 0.77, 1, 1.62, 2, 10.5]) {
      const picture = syntheticPicture(module.math, number, width, height);
      hash.update(augment(module, picture, [{ name: "GaussianBlur", argument }]).data);
    }
  assert.is(hash.digest("hex").slice(0, 16), "7f7d1d7804801615");
});

test("an operation's own interpolation is used in place of the picture's", () => {
  const picture = syntheticPicture(module.math, 5, 31, 31);
  const turn = { name: "Rotate", argument: 17 };
  const bilinear = augment(module, picture, [turn], { filter: "bilinear" }).data;
  assert.not.ok(same(augment(module, picture, [turn]).data, bilinear));
  assert.ok(same(augment(module, picture, [{ ...turn, filter: "bilinear" }]).data, bilinear));
});

test("unknown names and arguments out of range are refused", () => {
  const picture = syntheticPicture(module.math, 4, 8, 8);
  const attempts: [string, string, number][] = [
    ["image/unknown-operation", "Sepia", 1],
    ["image/unknown-operation", "constructor", 1],
    ["image/bad-argument", "Rotate", Number.NaN],
    ["image/bad-argument", "Posterize", -1],
    ["image/bad-argument", "GaussianBlur", -0.1],
    ["image/bad-argument", "GaussianBlur", 1e6],
  ];
  for (const [code, name, argument] of attempts)
    assert.throws(
      () => augment(module, picture, [{ name, argument }]),
      (error: unknown) => isVitrineError(error) && error.code === code,
    );
});

test.run();
