// Claims about the matrix product: forward, both gradients, every edge case, and the promise that tiles change no bit.

import { test } from "uvu";
import { Activation } from "../../assembly/nn/linear-forms.js";
import { assertClose, assertSameBits } from "./compare.js";
import { type Kernels, loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { referenceGelu } from "./reference-gelu.js";
import { matrix, referenceColumnSums, referenceProduct, transposed } from "./reference-matrix.js";

/**
 * Every tail of rows (strips of 4 or 6) and columns (panels of 8 or 16), blocks of k (256, 384, 768), blocks of rows
 * and columns.
 */
function shapes(random: Random): [number, number, number][] {
  const tails: [number, number, number][] = [];
  for (let m = 1; m <= 14; m++) tails.push([m, random.between(1, 20), random.between(1, 20)]);
  for (let n = 1; n <= 18; n++) tails.push([random.between(1, 20), random.between(1, 20), n]);
  for (let k = 1; k <= 10; k++) tails.push([random.between(1, 20), k, random.between(1, 20)]);
  return [...tails, [13, 769, 11], [7, 1600, 5], [300, 9, 21], [259, 33, 17], [5, 770, 180], [6, 40, 3300]];
}

function forward(
  kernels: Kernels,
  random: Random,
  [m, k, n]: [number, number, number],
  options: string,
): void {
  kernels.reset();
  const x = kernels.place(random.normals(m * k));
  const weight = kernels.place(random.normals(n * k));
  const bias = options.includes("bias") ? kernels.place(random.normals(n)) : undefined;
  const residual = options.includes("residual") ? kernels.place(random.normals(m * n)) : undefined;
  const gelu = options.includes("gelu");
  const y = kernels.place(m * n);
  const activation = gelu ? Activation.Gelu : Activation.None;
  kernels.run("linear", { x, weight, bias, residual, y, m, k, n, activation });
  const product = referenceProduct(
    m,
    n,
    k,
    matrix(x.values, k),
    transposed(matrix(weight.values, k)),
    (_, j) => bias?.values[j] ?? 0,
  );
  const expected = product.values.map((value, i) => {
    return (gelu ? referenceGelu(value) : value) + (residual?.values[i] ?? 0);
  });
  const allowed = product.allowed.map((value, i) => {
    return (gelu ? 1.2 * value + 1e-6 : value) + 2e-7 * Math.abs(residual?.values[i] ?? 0);
  });
  assertClose(y.values, expected, allowed, `${kernels.build}: ${m}×${k}×${n} ${options}`);
}

/** The block that every engine runs well, and the widest. */
const BLOCKS: [number, number][] = [
  [4, 8],
  [6, 16],
];

const builds = loadKernels().flatMap((kernels) => BLOCKS.map((block) => ({ kernels, block })));
for (const { kernels, block } of builds) {
  const build = `${kernels.build} ${block.join(" × ")}`;
  test(`${build}: linear equals its reference implementation on every tail of rows, columns and depth`, () => {
    kernels.setBlock(...block);
    const random = new Random(1);
    for (const shape of shapes(random)) {
      for (const options of ["", "bias", "bias residual", "bias gelu residual"]) {
        forward(kernels, random, shape, options);
      }
    }
  });

  test(`${build}: the input gradient equals dy·w on every tail`, () => {
    kernels.setBlock(...block);
    const random = new Random(2);
    for (const [m, k, n] of shapes(random)) {
      kernels.reset();
      const dy = kernels.place(random.normals(m * n));
      const weight = kernels.place(random.normals(n * k));
      const dx = kernels.place(m * k);
      kernels.run("linearInputGradient", { dy, weight, dx, m, k, n });
      const reference = referenceProduct(m, k, n, matrix(dy.values, n), matrix(weight.values, k));
      assertClose(dx.values, reference.values, reference.allowed, `${m}×${k}×${n}`);
    }
  });

  test(`${build}: the weight and bias gradients are accumulated, on every tail`, () => {
    kernels.setBlock(...block);
    const random = new Random(3);
    for (const [m, k, n] of shapes(random)) {
      kernels.reset();
      const dy = kernels.place(random.normals(m * n));
      const x = kernels.place(random.normals(m * k));
      const weightBefore = random.normals(n * k);
      const biasBefore = random.normals(n);
      const dWeight = kernels.place(weightBefore);
      const dBias = kernels.place(biasBefore);
      kernels.run("linearWeightGradient", { dy, x, dWeight, dBias, m, k, n });
      const left = transposed(matrix(dy.values, n));
      const reference = referenceProduct(n, k, m, left, matrix(x.values, k), matrix(weightBefore, k));
      assertClose(dWeight.values, reference.values, reference.allowed, `weight ${m}×${k}×${n}`);
      const sums = referenceColumnSums(dy.values, biasBefore, m, n);
      assertClose(dBias.values, sums.values, sums.allowed, `bias ${m}×${n}`);
    }
  });

  test(`${build}: a row has the same bits whatever rows are multiplied with it`, () => {
    kernels.setBlock(...block);
    const random = new Random(4);
    for (const [m, k, n] of [
      [13, 37, 19],
      [29, 800, 24],
    ] as const) {
      kernels.reset();
      const x = kernels.place(random.normals(m * k));
      const weight = kernels.place(random.normals(n * k));
      const bias = kernels.place(random.normals(n));
      const all = kernels.place(m * n);
      const one = kernels.place(n);
      kernels.run("linear", { x, weight, bias, y: all, m, k, n, activation: Activation.None });
      for (let row = 0; row < m; row++) {
        const from = x.address + row * k * 4;
        kernels.run("linear", { x: from, weight, bias, y: one, m: 1, k, n, activation: Activation.None });
        assertSameBits(one.values, all.values.slice(row * n, row * n + n), `row ${row} of ${m}×${k}×${n}`);
      }
    }
  });

  test(`${build}: register blocks of 1 to 6 rows and 8 or 16 columns give the same bits, others change nothing`, () => {
    kernels.setBlock(...block);
    const random = new Random(6);
    for (const [m, k, n] of [
      [25, 31, 21],
      [64, 300, 8],
      [19, 401, 37],
      [13, 800, 80],
    ] as const) {
      kernels.reset();
      const x = kernels.place(random.normals(m * k));
      const weight = kernels.place(random.normals(n * k));
      const bias = kernels.place(random.normals(n));
      const residual = kernels.place(random.normals(m * n));
      const blocks = [4, 1, 2, 3, 5, 6, 0, 7].flatMap((rows) =>
        [8, 16, 12].map((columns) => [rows, columns]),
      );
      const results = (blocks as [number, number][]).map(([rows, columns]) => {
        kernels.setBlock(rows, columns);
        const y = kernels.place(m * n);
        const dWeight = kernels.place(new Float32Array(n * k).fill(1));
        kernels.run("linear", { x, weight, bias, residual, y, m, k, n, activation: Activation.None });
        kernels.run("linearWeightGradient", { dy: residual, x, dWeight, m, k, n });
        return { other: `${rows} × ${columns}`, y, dWeight };
      });
      kernels.setBlock(...block);
      const [first, ...others] = results as [(typeof results)[0], ...typeof results];
      for (const { other, y, dWeight } of others) {
        assertSameBits(y.values, first.y.values, other);
        assertSameBits(dWeight.values, first.dWeight.values, `${other}, weight gradient`);
      }
    }
  });

  test(`${build}: weight gradients of two micro-batches have the bits of one large batch`, () => {
    kernels.setBlock(...block);
    const random = new Random(5);
    const [m, k, n] = [700, 12, 10];
    kernels.reset();
    const dy = kernels.place(random.normals(m * n));
    const x = kernels.place(random.normals(m * k));
    const whole = kernels.place(new Float32Array(n * k));
    const parts = kernels.place(new Float32Array(n * k));
    kernels.run("linearWeightGradient", { dy, x, dWeight: whole, m, k, n });
    const first = 301;
    kernels.run("linearWeightGradient", { dy, x, dWeight: parts, m: first, k, n });
    const dyRest = dy.address + first * n * 4;
    const xRest = x.address + first * k * 4;
    kernels.run("linearWeightGradient", { dy: dyRest, x: xRest, dWeight: parts, m: m - first, k, n });
    assertSameBits(parts.values, whole.values, "two micro-batches");
  });
}

test.run();
