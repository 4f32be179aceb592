// Claims about GELU: the exact erf form, its slope, every tail length, large arguments.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertClose } from "./compare.js";
import { loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { erfc, referenceGelu, referenceGeluSlope } from "./reference-gelu.js";

test("the reference's erfc has the published values", () => {
  // Abramowitz & Stegun, table 7.1, and DLMF 7.9 at 5.
  const known = [
    [0, 1],
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028513],
    [2, 0.004677734981047266],
    [3, 2.209049699858544e-5],
    [5, 1.5374597944280349e-12],
    [-1, 1.8427007929497148],
  ] as const;
  for (const [z, value] of known) {
    assert.ok(Math.abs(erfc(z) / value - 1) < 1e-12, `erfc(${z}) is ${erfc(z)}`);
  }
});

for (const kernels of loadKernels()) {
  test(`${kernels.build}: simd gelu equals its reference implementation to 1e-6 on every tail length`, () => {
    const random = new Random(11);
    for (let n = 1; n <= 20; n++) {
      kernels.reset();
      const x = kernels.place(random.normals(n, 3));
      const dy = kernels.place(random.normals(n));
      const y = kernels.place(n);
      const dx = kernels.place(n);
      kernels.run("gelu", { x, y, n });
      kernels.run("geluBackward", { x, dy, dx, n });
      assertClose(y.values, Array.from(x.values, referenceGelu), 1e-6, `gelu of ${n}`);
      const slopes = Array.from(x.values, (value, i) => dy.values[i] * referenceGeluSlope(value));
      assertClose(dx.values, slopes, 2e-6, `gelu backward of ${n}`);
    }
  });

  test(`${kernels.build}: gelu and its slope stay within 4e-7 of the exact function from -12 to 12`, () => {
    const n = 24_001;
    kernels.reset();
    const x = kernels.place(Float32Array.from({ length: n }, (_, i) => -12 + i / 1000));
    const ones = kernels.place(new Float32Array(n).fill(1));
    const y = kernels.place(n);
    const slope = kernels.place(n);
    kernels.run("gelu", { x, y, n });
    kernels.run("geluBackward", { x, dy: ones, dx: slope, n });
    const expected = Array.from(x.values, referenceGelu);
    const allowed = expected.map((value) => 1e-7 + 1.2e-7 * Math.abs(value));
    assertClose(y.values, expected, allowed, "gelu");
    assertClose(slope.values, Array.from(x.values, referenceGeluSlope), 4e-7, "slope");
  });

  test(`${kernels.build}: gelu keeps the relative precision of the negative tail`, () => {
    const n = 800;
    kernels.reset();
    const x = kernels.place(Float32Array.from({ length: n }, (_, i) => -i / 100));
    const y = kernels.place(n);
    kernels.run("gelu", { x, y, n });
    const expected = Array.from(x.values, referenceGelu);
    const allowed = expected.map((value) => 6e-6 * Math.abs(value));
    assertClose(y.values, expected, allowed, "tail");
  });

  test(`${kernels.build}: gelu may overwrite its input, and large arguments give x or 0`, () => {
    kernels.reset();
    const x = kernels.place([-1e30, -50, 0, 50, 1e30, Number.NaN]);
    kernels.run("gelu", { x, y: x, n: 6 });
    const y = Array.from(x.values, (value) => value + 0);
    assert.equal(y.slice(0, 4), [0, 0, 0, 50]);
    assert.is(y[4], Math.fround(1e30));
    assert.ok(Number.isNaN(y[5]));
  });
}

test.run();
