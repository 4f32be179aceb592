// Claims about AdamW, clipping and the moving average.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertClose, assertSameBits } from "./compare.js";
import { type Kernels, loadKernels, type Region } from "./kernels.js";
import { Random } from "./random.js";
import { type AdamWSettings, type AdamWState, referenceAdamW, settingsWords } from "./reference-adamw.js";

const DEFAULTS: AdamWSettings = {
  learningRate: 1e-3,
  weightDecay: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  step: 1,
  gradientScale: 1,
  clipNorm: 0,
  emaDecay: 0.99,
};

interface Placed {
  parameters: Region;
  gradients: Region;
  firstMoment: Region;
  secondMoment: Region;
  average: Region;
  settings: Region;
  norm: Region;
}

function place(kernels: Kernels, parameters: Float32Array): Placed {
  const n = parameters.length;
  kernels.reset();
  return {
    parameters: kernels.place(parameters),
    gradients: kernels.place(new Float32Array(n)),
    firstMoment: kernels.place(new Float32Array(n)),
    secondMoment: kernels.place(new Float32Array(n)),
    average: kernels.place(parameters),
    settings: kernels.place(24),
    norm: kernels.place(2),
  };
}

/** One step of the kernel: the sum of squares, then the update. */
function step(
  kernels: Kernels,
  p: Placed,
  gradients: Float32Array,
  s: AdamWSettings,
  decayed: boolean,
): void {
  p.gradients.values.set(gradients);
  p.settings.doubles.set(settingsWords(s));
  const n = gradients.length;
  kernels.run("sumOfSquares", { x: p.gradients, y: p.norm, n });
  const { parameters, firstMoment, secondMoment, average, settings, norm } = p;
  kernels.run("adamW", {
    parameters,
    gradients: p.gradients,
    firstMoment,
    secondMoment,
    average,
    settings,
    norm,
    n,
    decayed: decayed ? 1 : 0,
    rateFactor: 1,
  });
}

function referenceOf(parameters: Float32Array): AdamWState {
  const zeros = () => new Float64Array(parameters.length);
  return {
    parameters: Float64Array.from(parameters),
    firstMoment: zeros(),
    secondMoment: zeros(),
    average: Float64Array.from(parameters),
  };
}

const length = (values: Float32Array) => Math.hypot(...values);

const CASES: Record<string, { settings: Partial<AdamWSettings>; decayed: boolean }> = {
  "with decay": { settings: {}, decayed: true },
  "without decay": { settings: {}, decayed: false },
  "clipped to 0.1": { settings: { clipNorm: 0.1 }, decayed: true },
  "clipped far above the norm": { settings: { clipNorm: 1e6 }, decayed: true },
  "with gradients of four micro-batches, clipped": {
    settings: { gradientScale: 0.25, clipNorm: 0.5 },
    decayed: true,
  },
};

for (const kernels of loadKernels()) {
  for (const [name, { settings, decayed }] of Object.entries(CASES)) {
    test(`${kernels.build}: ten steps of AdamW ${name} equal torch's order in double, on every tail length`, () => {
      const random = new Random(61);
      for (let n = 1; n <= 16; n++) {
        const start = random.normals(n, 0.02);
        const placed = place(kernels, start);
        const reference = referenceOf(start);
        for (let count = 1; count <= 10; count++) {
          const gradients = random.normals(n);
          const s = { ...DEFAULTS, ...settings, step: count };
          step(kernels, placed, gradients, s, decayed);
          referenceAdamW(reference, gradients, length(gradients), decayed, s);
        }
        // Ten roundings of values up to 0.1 in each array; m and v lose half a unit a step as well.
        assertClose(placed.parameters.values, reference.parameters, 5e-8, `parameters of ${n}`);
        assertClose(placed.average.values, reference.average, 5e-8, `average of ${n}`);
        assertClose(placed.firstMoment.values, reference.firstMoment, 5e-7, `first moment of ${n}`);
        assertClose(placed.secondMoment.values, reference.secondMoment, 1e-7, `second moment of ${n}`);
      }
    });
  }

  test(`${kernels.build}: an average with decay 0.99996 moves as far as it does in double`, () => {
    const random = new Random(62);
    const n = 64;
    const start = random.normals(n, 0.02);
    const placed = place(kernels, start);
    const reference = referenceOf(start);
    for (let count = 1; count <= 10; count++) {
      const gradients = random.normals(n);
      const s = { ...DEFAULTS, step: count, emaDecay: 0.99996 };
      step(kernels, placed, gradients, s, true);
      referenceAdamW(reference, gradients, length(gradients), true, s);
    }
    const moved = placed.average.values.map((value, i) => value - start[i]);
    const expected = reference.average.map((value, i) => value - start[i]);
    const furthest = Math.max(...expected.map(Math.abs));
    assert.ok(furthest > 5e-7, `the average moved by ${furthest}`);
    // Ten float32 roundings of values near 0.02–0.06, half a unit (1.9e-9) each.
    assertClose(moved, expected, 1e-8, "movement");
  });

  test(`${kernels.build}: a gradient that is not finite leaves parameters, moments and average unchanged`, () => {
    const random = new Random(63);
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const placed = place(kernels, random.normals(33));
      step(kernels, placed, random.normals(33), DEFAULTS, true);
      const arrays = [placed.parameters, placed.firstMoment, placed.secondMoment, placed.average];
      const before = arrays.map((region) => region.values.slice());
      const gradients = random.normals(33);
      gradients[17] = bad;
      step(kernels, placed, gradients, { ...DEFAULTS, step: 2 }, true);
      arrays.forEach((region, i) => {
        assertSameBits(region.values, before[i], `array ${i} after ${bad}`);
      });
      step(kernels, placed, random.normals(33), { ...DEFAULTS, step: 2 }, true);
      assert.not.equal(placed.parameters.values[17], before[0]?.[17]);
    }
  });

  test(`${kernels.build}: without average and norm only parameters and moments change`, () => {
    const random = new Random(64);
    const start = random.normals(9);
    const placed = place(kernels, start);
    const gradients = random.normals(9);
    placed.gradients.values.set(gradients);
    placed.settings.doubles.set(settingsWords(DEFAULTS));
    const { parameters, firstMoment, secondMoment, average, settings } = placed;
    kernels.run("adamW", {
      parameters,
      gradients: placed.gradients,
      firstMoment,
      secondMoment,
      settings,
      n: 9,
      decayed: 1,
      rateFactor: 1,
    });
    assertSameBits(average.values, start, "average");
    const reference = referenceOf(start);
    referenceAdamW(reference, gradients, length(gradients), true, DEFAULTS);
    assertClose(parameters.values, reference.parameters, 2e-7, "parameters");
  });
}

test.run();
