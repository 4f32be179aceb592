// Augmentation strings give timm's operations: AutoAugment's policies, three-augment, color jitter, and interpolation.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  drawAugmentation,
  drawColorJitter,
  drawThreeAugment,
  parseAugmentation,
} from "../../runtime/draw/augmentation.js";
import { drawAutoAugment, POLICY_NAMES } from "../../runtime/draw/auto-augment.js";
import { type Chance, Domain, drawStream } from "../../runtime/draw/random.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawErasing, drawSample } from "../../runtime/draw/sample.js";
import { isVitrineError } from "../../runtime/errors.js";
import { testMath } from "./draw-fixture.js";

const math = await testMath();
const stream = (index: number): Chance =>
  drawStream(math, { seed: 5, epoch: 1, index, repeat: 0 }, Domain.Sample);
const near = (fraction: number, expected: number, text: string): void =>
  assert.ok(Math.abs(fraction - expected) < 0.02, `${text}: ${fraction}, expected ${expected}`);

/** A `Chance` that selects one pair, applies both operations, and never negates. */
function taking(pair: number): Chance {
  return { uniform: () => 0, between: (low) => low, integer: () => pair, gaussian: (mean) => mean };
}

test("the policies are the paper's and TPU EfficientNet's: 25 pairs, with timm's arguments", () => {
  const arguments_ = (name: "original" | "originalr" | "v0" | "v0r", pair: number) =>
    drawAutoAugment(taking(pair), name, 0).map((operation) => [operation.name, operation.argument]);
  // int(8 / 10 · 4) + 4 bits, 9 / 10 · 30 degrees.
  assert.equal(arguments_("original", 0), [
    ["PosterizeOriginal", 7],
    ["Rotate", 27],
  ]);
  assert.equal(arguments_("originalr", 0)[0], ["PosterizeIncreasing", 1]);
  assert.equal(arguments_("original", 24), [
    ["Equalize", 0],
    ["Equalize", 0],
  ]);
  assert.equal(arguments_("v0", 12), [
    ["Posterize", 2],
    ["AutoContrast", 0],
  ]);
  assert.equal(arguments_("v0r", 22), [
    ["PosterizeIncreasing", 4],
    ["Solarize", 256],
  ]);
  assert.equal(arguments_("v0", 6), [
    ["Equalize", 0],
    ["SolarizeAdd", 33],
  ]);
  for (const name of POLICY_NAMES) {
    let pairs = 0;
    const counting: Chance = { ...taking(0), integer: (count) => (pairs = count) - 1 };
    drawAutoAugment(counting, name, 0);
    assert.is(pairs, 25);
    // One step of `original` and two of `v0` have probability 0.
    const steps = Array.from({ length: 25 }, (_, pair) => drawAutoAugment(taking(pair), name, 0)).flat();
    assert.is(steps.length, name.startsWith("v0") ? 48 : 49);
  }
});

test("pairs are equally likely, and their operations have their probabilities", () => {
  const draws = Array.from({ length: 20_000 }, (_, i) => drawAutoAugment(stream(i), "v0", 0));
  const fraction = (name: string) =>
    draws.flat().filter((operation) => operation.name === name).length / 20_000;
  near(fraction("ShearY"), (0.8 + 0.6 + 0.8 + 0.4) / 25, "ShearY");
  near(fraction("TranslateYRel"), 0.8 / 25, "TranslateYRel");
  near(fraction("ShearX"), 0.2 / 25, "ShearX");
  const angles = draws.flat().filter(({ name }) => name === "Rotate");
  near(
    angles.filter(({ argument }) => argument < 0).length / angles.length,
    0.43,
    "negative angles, 0 is none",
  );
});

test("strings are parsed as in timm, plus 3a for DeiT III", () => {
  assert.equal(parseAugmentation("original"), { scheme: "policy", policy: "original", deviation: 0 });
  assert.equal(parseAugmentation("v0r-mstd0.5-x"), { scheme: "policy", policy: "v0r", deviation: 0.5 });
  assert.equal(parseAugmentation("v0-mstd1-mstd2"), { scheme: "policy", policy: "v0", deviation: 1 });
  assert.equal(parseAugmentation("3a"), { scheme: "three" });
  assert.is(parseAugmentation("rand-m9").scheme, "rand");
  for (const bad of ["", "augmix-m3", "v1", "original-m9", "v0-mstdx1", "3a-mstd1", "toString"])
    assert.throws(
      () => parseAugmentation(bad),
      (error: unknown) =>
        isVitrineError(error) && error.code === "usage/bad-option" && /--aa/.test(error.message),
    );
});

test("color jitter draws three factors and every order", () => {
  const draws = Array.from({ length: 12_000 }, (_, i) => drawColorJitter(stream(i), 0.3));
  const orders = new Map<string, number>();
  for (const draw of draws) {
    const order = draw.map(({ name }) => name).join();
    orders.set(order, (orders.get(order) ?? 0) + 1);
    assert.ok(draw.every(({ argument }) => argument >= 0.7 && argument <= 1.3));
  }
  assert.is(orders.size, 6);
  for (const [order, count] of orders) near(count / 12_000, 1 / 6, order);
  assert.ok(drawColorJitter(stream(0), 1.5).every(({ argument }) => argument >= 0));
  assert.equal(drawColorJitter(stream(0), 0), []);
});

test("three-augment applies one of its three operations; color jitter follows it, but is off with RandAugment", () => {
  const draws = Array.from({ length: 9_000 }, (_, i) => drawThreeAugment(stream(i)));
  for (const name of ["Grayscale", "Solarize", "GaussianBlur"])
    near(draws.filter(([first]) => first?.name === name).length / 9_000, 1 / 3, name);
  const radii = draws.flat().flatMap(({ name, argument }) => (name === "GaussianBlur" ? [argument] : []));
  assert.ok(Math.min(...radii) >= 0.1 && Math.max(...radii) < 2 && Math.max(...radii) > 1.95);
  const count = (autoAugment: string | null) =>
    drawAugmentation(stream(1), { autoAugment, colorJitter: 0.3 }).length;
  assert.is(count("3a"), 4);
  assert.is(count(null), 3);
  const jitters = Array.from({ length: 500 }, (_, i) =>
    drawAugmentation(stream(i), { autoAugment: "v0", colorJitter: 0.3 }),
  );
  assert.ok(jitters.flat().every(({ name }) => !["Brightness", "Contrast"].includes(name)));
});

test("random interpolation is drawn for the crop and for each operation that interpolates", () => {
  const image = { width: 300, height: 200 };
  const recipe = { ...DEIT_RECIPE, autoAugment: "rand-m9", interpolation: "random" as const };
  const draws = Array.from({ length: 4_000 }, (_, index) =>
    drawSample(math, { seed: 2, epoch: 0, index, repeat: 0 }, image, recipe),
  );
  near(draws.filter(({ filter }) => filter === "bicubic").length / draws.length, 0.5, "crops");
  const operations = draws.flatMap((draw) => draw.operations);
  const geometry = operations.filter(({ name }) => /Rotate|Shear|Translate/.test(name));
  near(geometry.filter(({ filter }) => filter === "bicubic").length / geometry.length, 0.5, "operations");
  assert.ok(operations.every((operation) => geometry.includes(operation) || operation.filter === undefined));
  const plain = drawSample(math, { seed: 2, epoch: 0, index: 1, repeat: 0 }, image, {
    ...recipe,
    interpolation: "bilinear",
  });
  assert.is(plain.filter, "bilinear");
});

test("several erase boxes: their number is drawn from 1 on, and the area is divided among them", () => {
  const recipe = { ...DEIT_RECIPE, size: 64, eraseProbability: 1, eraseCount: 3 };
  const draws = Array.from({ length: 6_000 }, (_, i) => drawErasing(stream(i), math, recipe));
  for (const count of [1, 2, 3])
    near(draws.filter((boxes) => boxes.length === count).length / 6_000, 1 / 3, `${count} boxes`);
  const largest = Math.max(
    ...draws
      .filter((boxes) => boxes.length === 3)
      .flat()
      .map((box) => box.height * box.width),
  );
  assert.ok(largest <= 1.1 * (4096 / 3 / 3), `${largest} pixels`);
});

test.run();
