// Claims about element-wise operations and whole-array sums, on every tail length.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertClose, assertSameBits } from "./compare.js";
import { loadKernels } from "./kernels.js";
import { Random } from "./random.js";

const LENGTHS = Array.from({ length: 18 }, (_, i) => i + 1);
const f = Math.fround;

for (const kernels of loadKernels()) {
  test(`${kernels.build}: weighted sums, scaling and fills equal float32 arithmetic bit for bit`, () => {
    const random = new Random(81);
    for (const n of LENGTHS) {
      kernels.reset();
      const a = kernels.place(random.normals(n));
      const b = kernels.place(random.normals(n));
      const factor = kernels.place([0.3]);
      const y = kernels.place(n);
      kernels.run("scaledSum", { a, b, y, n, alpha: 0.7, beta: -1.3 });
      const sum = a.values.map((value, i) => f(f(0.7) * value) + f(f(-1.3) * b.values[i]));
      assertSameBits(y.values, sum, `scaled sum of ${n}`);
      kernels.run("scaleByScalar", { x: a, scale: factor, y, n });
      assertSameBits(
        y.values,
        a.values.map((value) => value * f(0.3)),
        `scale by scalar of ${n}`,
      );
      kernels.run("fill", { y, n, value: 2.5 });
      assertSameBits(y.values, new Float32Array(n).fill(2.5), `fill of ${n}`);
    }
  });

  test(`${kernels.build}: residual and row scaling use each sample's own factor, and may work in place`, () => {
    const random = new Random(82);
    const batch = 3;
    for (const n of LENGTHS) {
      kernels.reset();
      const x = kernels.place(random.normals(batch * n));
      const branch = kernels.place(random.normals(batch * n));
      const scale = kernels.place([0, 1.25, 1]);
      const y = kernels.place(batch * n);
      kernels.run("scaleRows", { x: branch, scale, y, batch, n });
      const scaled = branch.values.map((value, i) => value * scale.values[Math.floor(i / n)]);
      assertSameBits(y.values, scaled, `scale rows of ${n}`);
      const sum = x.values.map((value, i) => value + scaled[i]);
      const sumOfBoth = x.values.map((value, i) => value + branch.values[i]);
      kernels.run("residual", { x, branch, y, batch, n });
      assertSameBits(y.values, sumOfBoth, `residual of ${n}`);
      kernels.run("residual", { x, branch, scale, y: x, batch, n });
      assertSameBits(x.values, sum, `residual of ${n} in place`);
    }
  });

  test(`${kernels.build}: inner product and sum of squares are summed in double, over several chunks`, () => {
    const random = new Random(83);
    for (const n of [...LENGTHS, 4096, 4097, 20_003]) {
      kernels.reset();
      const a = kernels.place(random.normals(n));
      const b = kernels.place(random.normals(n));
      const y = kernels.place(1);
      const squares = kernels.place(2);
      kernels.run("dot", { a, b, y, n });
      kernels.run("sumOfSquares", { x: a, y: squares, n });
      const dot = a.values.reduce((sum, value, i) => sum + value * b.values[i], 0);
      assertClose(y.values, [dot], 1e-7 * (1 + Math.abs(dot)), `dot of ${n}`);
      const expected = a.values.reduce((sum, value) => sum + value * value, 0);
      assertClose([squares.doubles[0]], [expected], 1e-12 * expected, `squares of ${n}`);
    }
  });

  test(`${kernels.build}: the sum of squares is finite for the largest floats and not for one infinity`, () => {
    kernels.reset();
    const x = kernels.place(new Float32Array(70).fill(3.4e38));
    const y = kernels.place(2);
    kernels.run("sumOfSquares", { x, y, n: 70 });
    assert.ok(Number.isFinite(y.doubles[0]));
    for (const bad of [Infinity, -Infinity, Number.NaN]) {
      x.values[69] = bad;
      kernels.run("sumOfSquares", { x, y, n: 70 });
      assert.not.ok(Number.isFinite(y.doubles[0]));
    }
  });
}

test.run();
