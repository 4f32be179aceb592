// Sample draws follow timm's distributions, and RandAugment strings mean what they mean in timm.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  drawMagnitude,
  drawRandAugment,
  levelArgument,
  operationNames,
  parseRandAugment,
} from "../../runtime/draw/rand-augment.js";
import { type Chance, Domain, drawStream } from "../../runtime/draw/random.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { drawCrop, drawErasing, drawSample } from "../../runtime/draw/sample.js";
import { isVitrineError } from "../../runtime/errors.js";
import { roundHalfEven } from "../../runtime/round-half-even.js";
import { assertDistribution, reference, type Statistics, testMath } from "./draw-fixture.js";

interface SamplerStats {
  random_resized_crop: {
    scale: [number, number];
    ratio: [number, number];
    images: Record<string, Record<string, Statistics>>;
    fallback_cases: { width: number; height: number; top_left_h_w: number[] }[];
  };
  random_erasing_64x64: { area_fraction: Statistics; aspect_h_over_w: Statistics };
  ra_magnitude: Statistics;
}

const math = await testMath();
const statistics = reference<SamplerStats>("sampler_stats.json");
const stream = (index: number) => drawStream(math, { seed: 1, epoch: 0, index, repeat: 0 }, Domain.Sample);

test("rounding is Python's: halves go to the even number", () => {
  assert.equal([0.5, 1.5, 2.5, 3.4999, 3.5001, 7].map(roundHalfEven), [0, 2, 2, 3, 4, 7]);
});

test("crops have the area, aspect ratio and position of timm's RandomResizedCrop", () => {
  const { scale, ratio, images } = statistics.random_resized_crop;
  for (const [name, expected] of Object.entries(images)) {
    const [width = 0, height = 0] = name.split("x").map(Number);
    const crops = Array.from({ length: 20_000 }, (_, i) =>
      drawCrop(stream(i), math, { width, height }, scale, ratio),
    );
    for (const crop of crops) {
      assert.ok(crop.top >= 0 && crop.left >= 0 && crop.height >= 1 && crop.width >= 1);
      assert.ok(crop.top + crop.height <= height && crop.left + crop.width <= width);
    }
    const of = { area_fraction: crops.map((c) => (c.width * c.height) / (width * height)) };
    assertDistribution(`${name} area`, of.area_fraction, expected.area_fraction as Statistics, 0.06);
    const aspects = crops.map((c) => c.width / c.height);
    assertDistribution(`${name} aspect`, aspects, expected.aspect_w_over_h as Statistics, 0.06);
    const tops = crops.map((c) => c.top / height);
    assertDistribution(`${name} top`, tops, expected.top_fraction as Statistics, 0.06);
    const lefts = crops.map((c) => c.left / width);
    assertDistribution(`${name} left`, lefts, expected.left_fraction as Statistics, 0.06);
  }
});

test("where no attempt fits, the crop is timm's central one", () => {
  const upper: Chance = {
    uniform: () => 1,
    between: (_, high) => high,
    integer: () => 0,
    gaussian: (mean) => mean,
  };
  const { scale, ratio, fallback_cases } = statistics.random_resized_crop;
  assert.ok(fallback_cases.length > 0);
  for (const { width, height, top_left_h_w } of fallback_cases) {
    const box = drawCrop(upper, math, { width, height }, scale, ratio);
    assert.equal([box.top, box.left, box.height, box.width], top_left_h_w);
  }
});

test("images down to one pixel get a crop inside themselves", () => {
  for (let width = 1; width <= 6; width++)
    for (let height = 1; height <= 6; height++)
      for (let i = 0; i < 50; i++) {
        const box = drawCrop(stream(i), math, { width, height }, [0.08, 1], [3 / 4, 4 / 3]);
        assert.ok(box.width >= 1 && box.height >= 1);
        assert.ok(box.top + box.height <= height && box.left + box.width <= width);
      }
});

test("erase boxes have timm's areas and aspect ratios, and the requested frequency", () => {
  const recipe = { ...DEIT_RECIPE, size: 64, eraseProbability: 1 };
  const boxes = Array.from({ length: 20_000 }, (_, i) => drawErasing(stream(i), math, recipe)).flat();
  assert.ok(boxes.length > 19_900);
  const { area_fraction, aspect_h_over_w } = statistics.random_erasing_64x64;
  const areas = boxes.map((box) => (box.height * box.width) / 4096);
  assertDistribution("erase area", areas, area_fraction, 0.06);
  const aspects = boxes.map((box) => box.height / box.width);
  assertDistribution("erase aspect", aspects, aspect_h_over_w, 0.06);
  const quarter = Array.from({ length: 20_000 }, (_, i) => drawErasing(stream(i), math, DEIT_RECIPE)).flat();
  assert.ok(Math.abs(quarter.length / 20_000 - 0.25) < 0.015, `${quarter.length} of 20000`);
});

test("RandAugment strings are parsed as timm parses them", () => {
  const base = { magnitude: 10, deviation: 0, layers: 2, increasing: false, weighted: false };
  assert.equal(parseRandAugment("rand"), base);
  assert.equal(parseRandAugment("rand-m9-mstd0.5-inc1"), {
    ...base,
    magnitude: 9,
    deviation: 0.5,
    increasing: true,
  });
  assert.equal(parseRandAugment("rand-m6-n3"), { ...base, magnitude: 6, layers: 3 });
  assert.equal(parseRandAugment("rand-mstd1-w0"), { ...base, deviation: 1, weighted: true });
  assert.equal(parseRandAugment("rand-inc0"), { ...base, increasing: true });
  assert.equal(parseRandAugment("rand-m3-m5-mstd1-mstd2"), { ...base, magnitude: 5, deviation: 1 });
  assert.equal(parseRandAugment("rand-x-inc"), base);
  for (const bad of [
    "",
    "v0",
    "Rand-m9",
    "rand-q3",
    "rand-m9.5",
    "rand-w1",
    "rand-mstd0.5x",
    "rand-n14-w0",
  ]) {
    try {
      parseRandAugment(bad);
      assert.unreachable(bad);
    } catch (error) {
      assert.ok(isVitrineError(error) && error.code === "usage/bad-option", String(error));
    }
  }
});

test("levels become timm's arguments", () => {
  const plus = () => false;
  const minus = () => true;
  const expected: [string, number, () => boolean, number][] = [
    ["Rotate", 9, plus, 27],
    ["Rotate", 9, minus, -27],
    ["PosterizeIncreasing", 9, plus, 1],
    ["PosterizeIncreasing", 10, plus, 0],
    ["Posterize", 9, plus, 3],
    ["PosterizeOriginal", 9, plus, 7],
    ["Solarize", 9, plus, 230],
    ["SolarizeIncreasing", 9, plus, 26],
    ["SolarizeAdd", 3, plus, 33],
    ["Brightness", 5, plus, 1],
    ["ColorIncreasing", 5, plus, 1.45],
    ["ColorIncreasing", 5, minus, 0.55],
    ["ShearX", 10, minus, -0.3],
    ["TranslateYRel", 10, plus, 0.45],
    ["Invert", 10, minus, 0],
  ];
  for (const [name, level, negate, argument] of expected)
    assert.ok(Math.abs(levelArgument(name, level, negate) - argument) < 1e-12, `${name} ${level}`);
  for (const name of [...operationNames(false), ...operationNames(true)])
    assert.type(levelArgument(name, 4, plus), "number");
});

test("magnitudes of rand-m9-mstd0.5 have the reference's distribution", () => {
  const spec = parseRandAugment("rand-m9-mstd0.5-inc1");
  const chance = stream(0);
  const values = Array.from({ length: 20_000 }, () => drawMagnitude(chance, spec));
  assertDistribution("magnitude", values, statistics.ra_magnitude, 0.06);
});

test("all fifteen operations are equally likely, and a chosen one is applied half of the time", () => {
  const spec = parseRandAugment("rand-m9-mstd0.5-inc1");
  const counts = new Map<string, number>(operationNames(true).map((name) => [name, 0]));
  const draws = 15_000;
  for (let i = 0; i < draws; i++)
    for (const { name } of drawRandAugment(stream(i), spec)) counts.set(name, (counts.get(name) ?? 0) + 1);
  assert.is(counts.size, 15);
  const expected = draws / 15;
  const chi = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chi < 40, `chi-square ${chi}: ${JSON.stringify([...counts])}`);
});

test("with w0 the frequencies are timm's weights and no operation occurs twice", () => {
  const spec = { ...parseRandAugment("rand-m9-w0"), layers: 1 };
  const draws = 20_000;
  const counts = new Map<string, number>();
  for (let i = 0; i < draws; i++)
    for (const { name } of drawRandAugment(stream(i), spec)) counts.set(name, (counts.get(name) ?? 0) + 2);
  assert.ok(Math.abs((counts.get("Rotate") ?? 0) / draws - 0.3) < 0.02);
  assert.ok(Math.abs((counts.get("ShearY") ?? 0) / draws - 0.2) < 0.02);
  assert.not(counts.has("Invert"));
  const many = { ...spec, layers: 13 };
  for (let i = 0; i < 200; i++) {
    const names = drawRandAugment(stream(i), many).map((operation) => operation.name);
    assert.is(new Set(names).size, names.length);
  }
});

test("a sample draw is a function of its key, and repeats of an image differ", () => {
  const image = { width: 500, height: 375 };
  const key = { seed: 3, epoch: 2, index: 77, repeat: 0 };
  const recipe = { ...DEIT_RECIPE, autoAugment: "rand-m9-mstd0.5-inc1" };
  const draw = drawSample(math, key, image, recipe);
  assert.equal(drawSample(math, key, image, recipe), draw);
  assert.is.not(
    JSON.stringify(drawSample(math, { ...key, repeat: 1 }, image, recipe).crop),
    JSON.stringify(draw.crop),
  );
  const flips = Array.from(
    { length: 4_000 },
    (_, index) => drawSample(math, { ...key, index }, image, recipe).flip,
  );
  const fraction = flips.filter(Boolean).length / flips.length;
  assert.ok(Math.abs(fraction - 0.5) < 0.03, `${fraction} flipped`);
});

test.run();
