// Claims about the int8 product: its scalar reference's bits on every tail, exact sums at the limit, non-finite values
// kept.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Activation, Int8Form } from "../../assembly/nn/linear-forms.js";
import { packedBytes, packInt8Matrix } from "../../runtime/executors/wasm/int8-store.js";
import { nodeHost } from "../../runtime/host/node.js";
import { quantizeMatrix } from "../../runtime/weights/int8-matrix.js";
import { assertClose, assertSameBits } from "./compare.js";
import { type Kernels, loadKernels, type Region } from "./kernels.js";
import { Random } from "./random.js";
import { referenceGelu } from "./reference-gelu.js";
import { referenceInt8Linear, referenceLevels } from "./reference-int8.js";

type Sizes = readonly [m: number, k: number, n: number];

/**
 * Every tail of rows (strips of 3 and 5, blocks of 18 and 20), columns (panels of 8, tiles of 16) and depth (8 or 16
 * values, pairs, fours).
 */
function shapes(random: Random): Sizes[] {
  const tails: Sizes[] = [];
  for (let m = 1; m <= 21; m++) tails.push([m, random.between(1, 20), random.between(1, 20)]);
  for (let n = 1; n <= 33; n++) tails.push([random.between(1, 9), random.between(1, 20), n]);
  for (let k = 1; k <= 34; k++) tails.push([random.between(1, 9), k, random.between(1, 20)]);
  return [...tails, [43, 192, 40], [21, 768, 24], [3, 3072, 9]];
}

/** Quantized values and scales as the kernel takes them. */
function place(kernels: Kernels, form: Int8Form, values: Int8Array, scales: Float32Array): Region {
  const [outputs, inputs] = [scales.length, values.length / scales.length];
  const region = kernels.place(new Float32Array(packedBytes(outputs, inputs, form) / 4));
  packInt8Matrix({ values, scales, outputs, inputs }, form, region.bytes);
  return region;
}

function randomWeight(random: Random, n: number, k: number) {
  const values = Int8Array.from({ length: n * k }, () => random.between(-127, 127));
  const scales = Float32Array.from({ length: n }, () => random.between(1, 1000) / 50_000);
  return { values, scales };
}

/** Every form in every build; digits not in the relaxed build where the engine has their instruction wrong. */
function buildsAndForms(): [Kernels, Int8Form][] {
  const exact = !nodeHost().wrongRelaxedDot;
  return loadKernels().flatMap((kernels) => {
    const digits = exact || kernels.build === "plain" ? [Int8Form.Digits8, Int8Form.Digits16] : [];
    return [Int8Form.Pairs, ...digits].map((form): [Kernels, Int8Form] => [kernels, form]);
  });
}

for (const [kernels, form] of buildsAndForms()) {
  const build = `${kernels.build}, ${Int8Form[form]}`;
  test(`${build}: the int8 layer has its reference's bits on every tail of rows, columns and depth`, () => {
    const random = new Random(11);
    for (const [m, k, n] of shapes(random)) {
      kernels.reset();
      const { values, scales } = randomWeight(random, n, k);
      const weight = place(kernels, form, values, scales);
      const x = kernels.place(random.normals(m * k));
      const bias = kernels.place(random.normals(n));
      const residual = kernels.place(random.normals(m * n));
      const y = kernels.place(m * n);
      const what = `${m}×${k}×${n}`;

      const bare = referenceInt8Linear(x.values, m, { values, scales, bias: undefined });
      kernels.run("linearInt8", { x, weight, y, m, k, n, activation: Activation.None, form });
      assertSameBits(y.values, bare, what);

      const biased = referenceInt8Linear(x.values, m, { values, scales, bias: bias.values });
      const added = biased.map((value, i) => value + residual.values[i]);
      kernels.run("linearInt8", { x, weight, bias, residual, y, m, k, n, activation: Activation.None, form });
      assertSameBits(y.values, added, `${what} with bias and residual`);

      kernels.run("linearInt8", { x, weight, bias, residual, y, m, k, n, activation: Activation.Gelu, form });
      const active = Array.from(biased, (value, i) => referenceGelu(value) + residual.values[i]);
      assertClose(
        y.values,
        active,
        active.map((value) => 1e-6 * (1 + Math.abs(value))),
        `${what} with GELU`,
      );
    }
  });

  test(`${build}: the largest possible sums are exact, and one more level would overflow`, () => {
    for (const k of [2063, 2064, 2065, 3072, 8192]) {
      const levels = referenceLevels(k);
      assert.ok(k * 127 * levels < 2 ** 31, `${k} inputs`);
      if (levels < 8191) assert.ok(k * 127 * (levels + 1) >= 2 ** 31, `${k} inputs, one level more`);
      kernels.reset();
      const values = new Int8Array(2 * k).fill(127, 0, k).fill(-127, k);
      const weight = place(kernels, form, values, Float32Array.of(1, 1));
      const x = kernels.place(new Float32Array(k).fill(levels));
      const y = kernels.place(2);
      kernels.run("linearInt8", { x, weight, y, m: 1, k, n: 2, activation: Activation.None, form });
      const sum = Math.fround(k * 127 * levels);
      assert.equal([...y.values], [sum, -sum], `${k} inputs`);
    }
  });

  test(`${build}: rows of zeros give the bias, and non-finite values stay so without affecting other rows`, () => {
    const [k, n] = [11, 9];
    const random = new Random(12);
    kernels.reset();
    const { values, scales } = randomWeight(random, n, k);
    const weight = place(kernels, form, values, scales);
    const bias = kernels.place(random.normals(n));
    const rows = [new Float32Array(k), random.normals(k), random.normals(k), new Float32Array(k).fill(1e-38)];
    rows[1][10] = Number.NaN;
    rows[2][3] = Number.POSITIVE_INFINITY;
    const x = kernels.place(rows.flatMap((row) => [...row]));
    const y = kernels.place(4 * n);
    kernels.run("linearInt8", { x, weight, bias, y, m: 4, k, n, activation: Activation.None, form });
    assert.equal([...y.values.subarray(0, n)], [...bias.values]);
    assert.ok(y.values.subarray(n, 3 * n).every((value) => !Number.isFinite(value)));
    assert.equal([...y.values.subarray(3 * n)], [...bias.values]);
  });

  test(`${build}: a quantized layer is within half a step of each weight of the float32 one`, () => {
    const random = new Random(13);
    const [m, k, n] = [7, 64, 24];
    kernels.reset();
    const float = random.normals(n * k);
    const { values, scales } = quantizeMatrix(float, n, k);
    const weight = place(kernels, form, values, scales);
    const x = kernels.place(random.normals(m * k));
    const [y, exact] = [kernels.place(m * n), kernels.place(m * n)];
    kernels.run("linearInt8", { x, weight, y, m, k, n, activation: Activation.None, form });
    kernels.run("linear", {
      x,
      weight: kernels.place(float),
      y: exact,
      m,
      k,
      n,
      activation: Activation.None,
    });
    const allowed = Array.from(exact.values, (_, i) => {
      const row = x.values.subarray(Math.floor(i / n) * k, (Math.floor(i / n) + 1) * k);
      const sum = row.reduce((total, value) => total + Math.abs(value), 0);
      return 0.5 * scales[i % n] * sum + 0.01;
    });
    assertClose(y.values, exact.values, allowed, "int8 beside float32");
  });
}

test.run();
