// The order is a permutation, differs from epoch to epoch, and repeats images as RASampler does.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  batchesPerEpoch,
  createOrder,
  imagesPerEpoch,
  permutedIndex,
  placesOfReplica,
  sampleAt,
} from "../../runtime/draw/order.js";
import { isVitrineError } from "../../runtime/errors.js";
import { reference, testMath } from "./draw-fixture.js";

const math = await testMath();
const order = (samples: number, repeats = 1, seed = 5, fingerprint = "0123abcd") =>
  createOrder(math, { fingerprint, samples, seed, repeats });
const epochOf = (samples: number, epoch: number, seed = 5, fingerprint?: string) =>
  Array.from({ length: samples }, (_, rank) =>
    permutedIndex(order(samples, 1, seed, fingerprint), epoch, rank),
  );

test("every epoch is a permutation, for every small size and some large ones", () => {
  const sizes = [...Array.from({ length: 70 }, (_, i) => i + 1), 500, 997, 1024, 2000];
  for (const samples of sizes) {
    const seen = new Set(epochOf(samples, samples % 5));
    assert.is(seen.size, samples);
    assert.is(Math.max(...seen), samples - 1);
  }
});

test("epoch, seed and fingerprint each give another permutation; the same ones give the same", () => {
  const base = epochOf(300, 0).join();
  assert.is(epochOf(300, 0).join(), base);
  for (const other of [epochOf(300, 1), epochOf(300, 0, 6), epochOf(300, 0, 5, "0123abce")])
    assert.is.not(other.join(), base);
});

test("over many epochs each image is at each position equally often, and so are pairs of neighbors", () => {
  const samples = 9;
  const epochs = 9_000;
  const at = new Float64Array(samples * samples);
  const pairs = new Float64Array(samples * samples);
  const keyed = order(samples);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const images = Array.from({ length: samples }, (_, rank) => permutedIndex(keyed, epoch, rank));
    images.forEach((image, rank) => {
      (at[rank * samples + image] as number) += 1;
      const next = images[rank + 1];
      if (next !== undefined) (pairs[image * samples + next] as number) += 1;
    });
  }
  const expected = epochs / samples;
  const chi = at.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chi < 125, `chi-square ${chi} with 64 degrees of freedom`);
  const pairExpected = (epochs * (samples - 1)) / (samples * (samples - 1));
  let pairChi = 0;
  pairs.forEach((count, i) => {
    if (i % samples !== Math.floor(i / samples)) pairChi += (count - pairExpected) ** 2 / pairExpected;
  });
  assert.ok(pairChi < 140, `chi-square ${pairChi} with about 64 degrees of freedom`);
});

test("a million images need no list: positions at both ends are computed at once", () => {
  const large = order(1_281_167);
  const found = [0, 1, 640_000, 1_281_166].map((rank) => permutedIndex(large, 299, rank));
  assert.is(new Set(found).size, 4);
  assert.ok(found.every((index) => index >= 0 && index < 1_281_167));
});

const windowed = (samples: number, window: number, fingerprint = "0123abcd") =>
  createOrder(math, { fingerprint, samples, seed: 5, repeats: 1, window });
const windowedEpoch = (samples: number, window: number, epoch = 0, fingerprint?: string) => {
  const keyed = windowed(samples, window, fingerprint);
  return Array.from({ length: samples }, (_, rank) => permutedIndex(keyed, epoch, rank));
};

test("with a window every epoch is a permutation too, whatever the sizes", () => {
  for (const [samples, window] of [
    ...[257, 258, 300, 511, 512, 513, 1000, 2000].map((size) => [size, 256]),
    ...[
      [2000, 512],
      [2001, 700],
      [5000, 1024],
      [4999, 4998],
    ],
  ]) {
    const seen = new Set(windowedEpoch(samples, window, samples % 7));
    assert.is(seen.size, samples, `${samples} in windows of ${window}`);
    assert.is(Math.max(...seen), samples - 1);
  }
  assert.equal(windowedEpoch(300, 0), epochOf(300, 0), "none");
  assert.equal(windowedEpoch(300, 300), epochOf(300, 0), "all");
});

test("a window reads 256 runs and no others, each image of them once, in another order each epoch", () => {
  // Runs of 8: 20 windows of 2,048.
  const images = windowedEpoch(40_960, 2048);
  for (let first = 0; first < images.length; first += 2048) {
    const runs = new Set(images.slice(first, first + 2048).map((image) => Math.floor(image / 8)));
    assert.is(runs.size, 256);
  }
  const others = [windowedEpoch(40_960, 2048, 1), windowedEpoch(40_960, 2048, 0, "0123abce")];
  for (const other of others) {
    assert.is.not(other.join(), images.join());
    const same = new Set(other.slice(0, 2048));
    const both = images.slice(0, 2048).filter((image) => same.has(image)).length;
    // 2,048 of 40,960 by chance: 102.
    assert.ok(both < 400, `${both} images of the first window are in both`);
  }
});

test("within a window images of a run are neither together nor in order", () => {
  const images = windowedEpoch(40_960, 2048).slice(0, 2048);
  const together = images.filter(
    (image, i) => i > 0 && Math.floor(image / 8) === Math.floor(images[i - 1] / 8),
  );
  // 7 of 2,047 for each place.
  assert.ok(together.length < 30, `${together.length} neighbors are of one run`);
});

test("of a last run that is short only as many images move as it lacks", () => {
  // Runs of 100, 65 images in the last one.
  const images = windowedEpoch(51_165, 25_600);
  const first = images.slice(0, 25_600);
  const runs = new Map<number, number>();
  for (const image of first) runs.set(Math.floor(image / 100), (runs.get(Math.floor(image / 100)) ?? 0) + 1);
  const strays = [...runs.values()].filter((count) => count < 50).reduce((sum, count) => sum + count, 0);
  assert.ok(strays <= 35, `${strays}`);
});

test("with repeats an image occurs consecutively, each time with the next repeat number", () => {
  const places = Array.from({ length: 9 }, (_, place) => sampleAt(order(256, 3), 0, place));
  assert.equal(
    places.map((place) => place.repeat),
    [0, 1, 2, 0, 1, 2, 0, 1, 2],
  );
  assert.is(new Set(places.slice(0, 3).map((place) => place.index)).size, 1);
  assert.is(new Set(places.map((place) => place.index)).size, 3);
});

interface SamplerCase {
  dataset: number;
  replicas: number;
  repeats: number;
  permutation?: number[];
  per_rank: number[][];
}

test("consumers partition an epoch exactly as RASampler's ranks do", () => {
  for (const { dataset, replicas, repeats, permutation, per_rank } of reference<SamplerCase[]>(
    "repeated_aug_sampler.json",
  ))
    per_rank.forEach((expected, rank) => {
      const indices = placesOfReplica(dataset, repeats, rank, replicas).map((place) => {
        const at = Math.floor(place / repeats);
        return permutation === undefined ? at : permutation[at];
      });
      assert.equal(indices, expected);
    });
});

test("batches of an epoch: the remainder is dropped, with repeats down to a multiple of 256", () => {
  assert.is(batchesPerEpoch(1000, 64, 1), 15);
  assert.is(batchesPerEpoch(1000, 64, 3), 12);
  assert.is(batchesPerEpoch(100, 64, 3), 1);
  assert.is(batchesPerEpoch(1_281_167, 1024, 3), 1251);
});

test("images of an epoch: those that its batches contain", () => {
  const seen = (samples: number, batchSize: number, repeats: number): number => {
    const set = order(samples, repeats);
    const places = batchesPerEpoch(samples, batchSize, repeats) * batchSize;
    return new Set(Array.from({ length: places }, (_, place) => sampleAt(set, 2, place).index)).size;
  };
  for (const [samples, batchSize, repeats] of [
    [238, 32, 1],
    [256, 32, 1],
    [700, 64, 3],
    [100, 64, 3],
  ])
    assert.is(imagesPerEpoch(samples, batchSize, repeats), seen(samples, batchSize, repeats));
  assert.is(imagesPerEpoch(238, 32, 1), 224);
});

test("an empty data set, invalid repeats and a position out of range are refused", () => {
  const attempts: [string, () => unknown][] = [
    ["data/empty", () => order(0)],
    ["usage/bad-option", () => order(10, 0)],
    ["data/bad-place", () => sampleAt(order(10), 0, 10)],
    ["data/bad-place", () => sampleAt(order(10), 0, -1)],
  ];
  for (const [code, attempt] of attempts) {
    try {
      attempt();
      assert.unreachable(code);
    } catch (error) {
      assert.ok(isVitrineError(error) && error.code === code, String(error));
    }
  }
});

test.run();
