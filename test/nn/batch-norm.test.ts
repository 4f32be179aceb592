// Claims about batch norm in training: result, statistics of the batch, running statistics and all gradients.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { adamWPlace } from "../../runtime/graph/operations/optimizer.js";
import { assertClose } from "./compare.js";
import { type Kernels, loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { referenceBatchNorm, referenceBatchNormBackward } from "./reference-convolution.js";

const EPSILON = 1e-5;
const FACTORS = { epsilon: EPSILON, momentum: 0.1 };

/** rows, channels. */
const SHAPES: readonly (readonly [number, number])[] = [
  [2, 1],
  [3, 4],
  [50, 7],
  [129, 16],
  [400, 30],
];

function forward(kernels: Kernels, random: Random, rows: number, channels: number) {
  kernels.reset();
  const x = kernels.place(random.normals(rows * channels, 2, 3));
  const [weight, bias] = [kernels.place(random.normals(channels)), kernels.place(random.normals(channels))];
  const y = kernels.place(rows * channels);
  const [mean, rstd] = [kernels.place(channels), kernels.place(channels)];
  const running = {
    mean: kernels.place(random.normals(channels)),
    variance: kernels.place(random.normals(channels, 0.1, 1)),
  };
  const before = { mean: running.mean.values.slice(), variance: running.variance.values.slice() };
  const statistics = { mean, rstd, runningMean: running.mean, runningVariance: running.variance };
  kernels.run("batchNorm", { x, weight, bias, y, ...statistics, rows, channels, ...FACTORS });
  return { x, weight, bias, y, mean, rstd, running, before };
}

for (const kernels of loadKernels()) {
  test(`${kernels.build}: batch norm equals its reference implementation, on every tail of channels`, () => {
    const random = new Random(71);
    for (const [rows, channels] of SHAPES) {
      const { x, weight, bias, y, mean, rstd } = forward(kernels, random, rows, channels);
      const reference = referenceBatchNorm(x.values, weight.values, bias.values, EPSILON);
      const name = `${rows}×${channels}`;
      assertClose(mean.values, reference.mean, 1e-6, `${name} mean`);
      const deviation = reference.variance.map((value) => 1 / Math.sqrt(value + EPSILON));
      assertClose(
        rstd.values,
        deviation,
        deviation.map((value) => 3e-7 * value),
        `${name} deviation`,
      );
      assertClose(
        y.values,
        reference.y,
        reference.y.map((value) => 2e-6 * (1 + Math.abs(value))),
        name,
      );
    }
  });

  test(`${kernels.build}: running statistics move a tenth of the way, the variance unbiased`, () => {
    const random = new Random(72);
    for (const [rows, channels] of SHAPES) {
      const { x, weight, running, before } = forward(kernels, random, rows, channels);
      const reference = referenceBatchNorm(x.values, weight.values, weight.values, EPSILON);
      const moved = (from: Float32Array, to: Float64Array, factor = 1) =>
        Float64Array.from(from, (value, c) => 0.9 * value + 0.1 * factor * to[c]);
      assertClose(running.mean.values, moved(before.mean, reference.mean), 1e-6, "mean");
      const variance = moved(before.variance, reference.variance, rows / (rows - 1));
      assertClose(running.variance.values, variance, 2e-6, "variance");
    }
  });

  test(`${kernels.build}: without running statistics nothing else changes`, () => {
    kernels.reset();
    const random = new Random(73);
    const [x, weight, y] = [
      kernels.place(random.normals(24)),
      kernels.place(random.normals(4)),
      kernels.place(24),
    ];
    const [mean, rstd] = [kernels.place(4), kernels.place(4)];
    kernels.run("batchNorm", { x, weight, bias: weight, y, mean, rstd, rows: 6, channels: 4, ...FACTORS });
    assertClose(y.values, referenceBatchNorm(x.values, weight.values, weight.values, EPSILON).y, 2e-6, "y");
  });

  test(`${kernels.build}: a mean a million deviations away leaves the variance correct`, () => {
    kernels.reset();
    const values = Float32Array.from({ length: 40 }, (_, r) => 1e6 + (r % 2));
    const [x, weight, bias] = [kernels.place(values), kernels.place([1]), kernels.place([0])];
    const [y, mean, rstd] = [kernels.place(40), kernels.place(1), kernels.place(1)];
    kernels.run("batchNorm", { x, weight, bias, y, mean, rstd, rows: 40, channels: 1, ...FACTORS });
    assert.ok(Math.abs(rstd.values[0] - 1 / Math.sqrt(0.25 + EPSILON)) < 1e-6);
  });

  test(`${kernels.build}: gradients equal the reference; those of parameters are added`, () => {
    const random = new Random(74);
    for (const [rows, channels] of SHAPES) {
      const { x, weight, mean, rstd } = forward(kernels, random, rows, channels);
      const dy = kernels.place(random.normals(rows * channels));
      const [dWeight, dBias] = [
        kernels.place(new Float32Array(channels)),
        kernels.place(new Float32Array(channels)),
      ];
      dBias.values.fill(0.25);
      const reference = referenceBatchNormBackward(dy.values, x.values, weight.values, EPSILON);
      // In place: the planner lets a gradient overwrite its source.
      const results = { dx: dy, dWeight, dBias, scratch: kernels.place(3 * channels) };
      kernels.run("batchNormBackward", { dy, x, weight, mean, rstd, ...results, rows, channels });
      const name = `${rows}×${channels}`;
      assertClose(dy.values, reference.dx, 1e-5, `${name} dx`);
      assertClose(dWeight.values, reference.dWeight, 2e-5, `${name} weight`);
      assertClose(
        dBias.values,
        reference.dBias.map((value) => value + 0.25),
        2e-5,
        `${name} bias`,
      );
    }
  });

  test(`${kernels.build}: folding gives the convolution's weights times a factor and a bias, rounded once`, () => {
    const random = new Random(75);
    for (const [outputs, n] of [
      [1, 1],
      [3, 5],
      [16, 72],
    ] as const) {
      kernels.reset();
      const weight = kernels.place(random.normals(outputs * n));
      const [gamma, beta, mean] = [1, 2, 3].map(() => kernels.place(random.normals(outputs)));
      const variance = kernels.place(Float32Array.from({ length: outputs }, () => random.uniform()));
      const [folded, shift] = [kernels.place(outputs * n), kernels.place(outputs)];
      const tensors = { weight, gamma, beta, mean, variance, folded, shift };
      kernels.run("foldBatchNorm", { ...tensors, outputs, n, epsilon: EPSILON });
      const factor = Float64Array.from(
        gamma.values,
        (value, o) => value / Math.sqrt((variance.values[o] as number) + Math.fround(EPSILON)),
      );
      assert.equal(
        folded.values,
        weight.values.map((value, i) => value * (factor[Math.floor(i / n)] as number)),
      );
      assert.equal(
        shift.values,
        beta.values.map((value, o) => value - (mean.values[o] as number) * (factor[o] as number)),
      );
    }
  });

  test(`${kernels.build}: a moving average changes by its decay, and not where the norm is not finite`, () => {
    const random = new Random(76);
    for (const norm of [1, Number.POSITIVE_INFINITY, Number.NaN]) {
      kernels.reset();
      const [values, average] = [kernels.place(random.normals(7)), kernels.place(random.normals(7))];
      const before = average.values.slice();
      const [settings, norms] = [kernels.place(24), kernels.place(2)];
      settings.doubles[adamWPlace("emaDecay")] = 0.9;
      norms.doubles[0] = norm;
      kernels.run("movingAverage", { values, average, settings, norm: norms, n: 7 });
      const moved = before.map((old, i) => 0.9 * old + (1 - 0.9) * (values.values[i] as number));
      assert.equal(average.values, norm === 1 ? moved : before);
    }
  });
}

test.run();
