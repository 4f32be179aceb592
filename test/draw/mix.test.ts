// Batch draws: boxes and λ exact, Beta variates as numpy's, the three modes, targets and stochastic depth.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { MixDraw } from "../../runtime/draw/draw.js";
import { drawBranchScales, dropPathRates } from "../../runtime/draw/drop-path.js";
import { correctedLambda, cutmixBox, drawBatch, drawBeta, mixTargets } from "../../runtime/draw/mix.js";
import { Domain, type DrawMath, drawStream } from "../../runtime/draw/random.js";
import { RecentDraws } from "../../runtime/draw/recent-draws.js";
import { type AugmentationRecipe, DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { isVitrineError } from "../../runtime/errors.js";
import { assertDistribution, reference, type Statistics, testMath } from "./draw-fixture.js";

const math = await testMath();
const key = (index: number) => ({ seed: 2, epoch: 1, index, repeat: 0 });

interface BoxCase {
  height: number;
  width: number;
  lam: number;
  cy: number;
  cx: number;
  box_yl_yh_xl_xh: [number, number, number, number];
  corrected_lam: number;
}

test("boxes and corrected λ are timm's, to the last bit", () => {
  const cases = reference<BoxCase[]>("cutmix_boxes.json");
  assert.ok(cases.length > 0);
  for (const { height, width, lam, cy, cx, box_yl_yh_xl_xh: expected, corrected_lam } of cases) {
    const box = cutmixBox(height, width, lam, cy, cx);
    assert.equal([box.top, box.top + box.height, box.left, box.left + box.width], expected);
    assert.is(correctedLambda(box, height, width), corrected_lam);
  }
});

test("Beta(0.8, 0.8) and Beta(1, 1) have numpy's distribution", () => {
  const stats = reference<{ mixup_beta_0_8: Statistics; cutmix_beta_1: Statistics }>("sampler_stats.json");
  const chance = drawStream(math, key(0), Domain.Mix);
  const sample = (shape: number) => Array.from({ length: 40_000 }, () => drawBeta(chance, math, shape));
  assertDistribution("Beta(0.8)", sample(0.8), stats.mixup_beta_0_8, 0.04);
  assertDistribution("Beta(1)", sample(1), stats.cutmix_beta_1, 0.04);
});

test("Beta(0.01, 0.01) is almost a coin flip and never leaves [0, 1]; Beta(20, 20) is narrow", () => {
  const chance = drawStream(math, key(1), Domain.Mix);
  const small = Array.from({ length: 4_000 }, () => drawBeta(chance, math, 0.01));
  assert.ok(small.every((value) => value >= 0 && value <= 1));
  const ends = small.filter((value) => value < 0.01 || value > 0.99).length;
  assert.ok(ends > 3_700, `${ends} of 4000 near an end`);
  const narrow = Array.from({ length: 4_000 }, () => drawBeta(chance, math, 20));
  const variance = narrow.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / narrow.length;
  assert.ok(Math.abs(variance - 1 / (4 * 41)) < 0.0006, `variance ${variance}`);
});

test("batch mode draws one mix for all samples, pair mode one per pair, elem mode one per sample", () => {
  const distinct = (mode: "batch" | "pair" | "elem") =>
    new Set(
      drawBatch(math, key(4), 8, { ...DEIT_RECIPE, mixMode: mode }).samples.map((mix) => JSON.stringify(mix)),
    );
  assert.is(distinct("batch").size, 1);
  assert.is(distinct("pair").size, 4);
  assert.is(distinct("elem").size, 8);
  const { samples } = drawBatch(math, key(4), 8, { ...DEIT_RECIPE, mixMode: "pair" });
  for (let b = 0; b < 8; b++) assert.equal(samples[b], samples[7 - b]);
});

test("Mixup and CutMix are chosen equally often; probability and zero parameters turn them off", () => {
  const kinds = (recipe: typeof DEIT_RECIPE) => {
    const count = { none: 0, mixup: 0, cutmix: 0 };
    for (let i = 0; i < 2_000; i++) count[drawBatch(math, key(i), 2, recipe).samples[0]?.kind ?? "none"]++;
    return count;
  };
  const both = kinds(DEIT_RECIPE);
  assert.is(both.none, 0);
  assert.ok(Math.abs(both.mixup - 1_000) < 120, JSON.stringify(both));
  assert.equal(kinds({ ...DEIT_RECIPE, cutmix: 0 }), { none: 0, mixup: 2_000, cutmix: 0 });
  assert.equal(kinds({ ...DEIT_RECIPE, mixup: 0, cutmix: 0 }), { none: 2_000, mixup: 0, cutmix: 0 });
  const half = kinds({ ...DEIT_RECIPE, mixProbability: 0.5 });
  assert.ok(Math.abs(half.none - 1_000) < 120, JSON.stringify(half));
});

test("λ of a CutMix sample is the fraction that its box leaves, with minmax too", () => {
  const recipe = { ...DEIT_RECIPE, mixup: 0, size: 100, mixMode: "elem" as const };
  for (const cutmixMinmax of [null, [0.2, 0.8] as [number, number]]) {
    const { samples } = drawBatch(math, key(9), 300, {
      ...recipe,
      cutmix: cutmixMinmax ? 0 : 1,
      cutmixMinmax,
    });
    for (const { kind, lambda, box } of samples) {
      assert.is(kind, "cutmix");
      if (box === null) throw new Error("a CutMix sample has no box");
      assert.is(lambda, 1 - (box.height * box.width) / 10_000);
      assert.ok(box.top >= 0 && box.left >= 0 && box.top + box.height <= 100 && box.left + box.width <= 100);
      if (cutmixMinmax !== null)
        assert.ok(box.height >= 20 && box.height < 80 && box.width >= 20 && box.width < 80);
    }
  }
});

/** The same functions, and how often Philox was asked. */
function counted(): { math: DrawMath; blocks(): number } {
  let blocks = 0;
  const philox: DrawMath["philox"] = (...asked) => {
    blocks++;
    math.philox(...asked);
  };
  return { math: { ...math, philox }, blocks: () => blocks };
}

test("the ranks of a run share one draw of each batch, which is what each would have drawn", () => {
  const server = counted();
  const [first, ...others] = [0, 1, 2, 3].map(() =>
    drawBatch(server.math, key(4), 512, { ...DEIT_RECIPE, mixMode: "elem" }),
  );
  const blocks = server.blocks();
  assert.ok(others.every((draw) => draw === first));
  const alone = counted();
  assert.equal(drawBatch(alone.math, key(4), 512, { ...DEIT_RECIPE, mixMode: "elem" }), first);
  assert.is(alone.blocks(), blocks);
});

test("whatever a draw depends on makes another one", () => {
  const recipe: AugmentationRecipe = { ...DEIT_RECIPE, mixMode: "elem" };
  const changes: Partial<AugmentationRecipe>[] = [
    { size: 96 },
    { mixup: 0.4 },
    { cutmix: 0.4 },
    { cutmixMinmax: [0.2, 0.8] },
    { mixProbability: 0.4 },
    { mixSwitchProbability: 0.1 },
    { mixMode: "pair" },
    { mixMode: "batch" },
    { mixOffEpoch: 1 },
  ];
  const shared = counted().math;
  drawBatch(shared, key(5), 64, recipe);
  for (const change of changes) {
    const changed = { ...recipe, ...change };
    const expected = drawBatch(counted().math, key(5), 64, changed);
    assert.equal(drawBatch(shared, key(5), 64, changed), expected, JSON.stringify(change));
  }
  for (const part of ["seed", "epoch", "index", "repeat"] as const) {
    const other = { ...key(5), [part]: 9 };
    assert.equal(drawBatch(shared, other, 64, recipe), drawBatch(counted().math, other, 64, recipe), part);
  }
});

test("draws are kept for the last batches only", () => {
  const draws = new RecentDraws();
  const samples = new Array<MixDraw>(2 ** 16).fill({ kind: "none", lambda: 1, box: null });
  let made = 0;
  const get = (id: number) =>
    draws.get(`${id}`, () => {
      made++;
      return { samples };
    });
  for (const id of [1, 2, 3, 4, 1, 5, 1, 5, 4, 3]) get(id);
  assert.is(made, 5);
  get(2);
  assert.is(made, 6, "the one that was used first is drawn again");
  const large = { samples: new Array<MixDraw>(2 ** 18 + 1).fill(samples[0]) };
  assert.is(
    draws.get("large", () => large),
    large,
  );
  get(2);
  assert.is(made, 6, "one that is larger than all of them is not kept");
});

test("minmax bounds that leave no choice are refused", () => {
  try {
    drawBatch(math, key(0), 2, { ...DEIT_RECIPE, mixup: 0, cutmixMinmax: [0.5, 0.5] });
    assert.unreachable();
  } catch (error) {
    assert.ok(isVitrineError(error) && error.code === "usage/bad-option", String(error));
  }
});

test("targets sum to one, put λ on the label and 1 − λ on the partner's, and refuse unknown labels", () => {
  const options = { classes: 5, smoothing: 0.1, labels: [1, 2], partnerLabels: [3, 2], lambdas: [0.3, 0.7] };
  const targets = mixTargets(options);
  const near = (got: number | undefined, expected: number) =>
    assert.ok(Math.abs((got ?? Number.NaN) - expected) < 1e-7, `${got} for ${expected}`);
  near(targets[0], 0.02);
  near(targets[1], 0.3 * 0.92 + 0.7 * 0.02);
  near(targets[3], 0.7 * 0.92 + 0.3 * 0.02);
  near(targets[5 + 2], 0.92);
  for (const b of [0, 1])
    near(
      targets.subarray(5 * b, 5 * b + 5).reduce((sum, value) => sum + value, 0),
      1,
    );
  assert.throws(() => mixTargets({ ...options, labels: [5, 0] }), /label 5 of sample 0/);
});

test("drop rates are torch.linspace's to the last bit of float32", () => {
  const cases = Object.entries(reference<Record<string, number[]>>("drop_path_rates.json"));
  assert.ok(cases.length > 0);
  for (const [name, expected] of cases) {
    const [, depth, rate] = /^depth(\d+)_rate([\d.]+)$/.exec(name) ?? [];
    const rates = dropPathRates(Number(depth), Number(rate));
    assert.is(rates.length, expected.length);
    const lastBit = 2 ** (Math.floor(Math.log2(Number(rate))) - 23);
    rates.forEach((found, block) => {
      assert.ok(Math.abs(found - (expected[block] as number)) <= lastBit, `${name} block ${block}: ${found}`);
    });
    assert.is(rates[0], 0);
    if (rates.length > 1) assert.is(rates.at(-1), Math.fround(Number(rate)));
  }
});

test("branches are dropped at their rate, kept ones scaled by 1 / (1 − rate), the first block never", () => {
  const scales = drawBranchScales(math, key(0), { depth: 3, rate: 0.3, batch: 10_000 });
  const [, , last = 0] = dropPathRates(3, 0.3);
  assert.ok(scales.subarray(0, 20_000).every((scale) => scale === 1));
  const tail = scales.subarray(40_000);
  assert.equal([...new Set(tail)].sort(), [0, Math.fround(1 / (1 - last))]);
  const dropped = tail.filter((scale) => scale === 0).length / tail.length;
  assert.ok(Math.abs(dropped - 0.3) < 0.012, `${dropped} dropped`);
  const mean = tail.reduce((sum, scale) => sum + scale, 0) / tail.length;
  assert.ok(Math.abs(mean - 1) < 0.02, `mean scale ${mean}`);
});

test("from --mixup-off-epoch on nothing is mixed; before it, the draws are the same as without it", () => {
  const recipe = { ...DEIT_RECIPE, mixOffEpoch: 2 };
  const at = (epoch: number, from: typeof DEIT_RECIPE) =>
    drawBatch(math, { seed: 1, epoch, index: 0, repeat: 0 }, 4, from);
  assert.equal(at(1, recipe), at(1, DEIT_RECIPE));
  for (const epoch of [2, 3]) {
    assert.is.not(at(epoch, DEIT_RECIPE).samples[0].kind, "none");
    assert.equal(
      at(epoch, recipe).samples.map(({ kind, lambda }) => [kind, lambda]),
      new Array(4).fill(["none", 1]),
    );
  }
});

test("of small batches no more than a thousand draws are kept, the last ones", () => {
  const draws = new RecentDraws();
  let made = 0;
  const get = (id: number) =>
    draws.get(`${id}`, () => {
      made++;
      return { samples: [] };
    });
  for (let id = 0; id < 1025; id++) get(id);
  for (let id = 1024; id > 0; id--) get(id);
  assert.is(made, 1025);
  get(0);
  assert.is(made, 1026);
});

test.run();
