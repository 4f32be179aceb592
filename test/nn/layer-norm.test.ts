// Claims about layer normalization, forward and backward.

import { test } from "uvu";
import { assertClose } from "./compare.js";
import { loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { referenceLayerNorm, referenceLayerNormBackward, rowMoments } from "./reference-layer-norm.js";

const epsilon = Math.fround(1e-6);
const WIDTHS = [...Array.from({ length: 20 }, (_, i) => i + 1), 48, 96, 192, 199];

for (const kernels of loadKernels()) {
  test(`${kernels.build}: layer norm equals its reference implementation on every width, offset rows included`, () => {
    const random = new Random(31);
    for (const width of WIDTHS) {
      for (const offset of [0, 100]) {
        kernels.reset();
        const shape = { rows: 5, width, epsilon };
        const x = kernels.place(random.normals(5 * width, 1, offset));
        const weight = kernels.place(random.normals(width));
        const bias = kernels.place(random.normals(width));
        const y = kernels.place(5 * width);
        const means = kernels.place(5);
        const rstds = kernels.place(5);
        kernels.run("layerNorm", { x, weight, bias, y, mean: means, rstd: rstds, rows: 5, width, epsilon });
        // Values near 100 have a rounding error of 4e-6 themselves, and one column has no variance: rstd is 1,000.
        const allowed = (width === 1 ? 1e-2 : 4e-6) * (offset === 0 ? 1 : 100);
        const expected = referenceLayerNorm(x.values, weight.values, bias.values, shape);
        const loose = rowMoments(x.values, 0, shape).rstd > 100 ? 10 : 1;
        assertClose(y.values, expected, allowed * loose, `width ${width}, offset ${offset}`);
        const moments = Array.from({ length: 5 }, (_, r) => rowMoments(x.values, r, shape));
        const near = 4e-7 * (1 + offset);
        assertClose(
          means.values,
          moments.map(({ mean }) => mean),
          near,
          "means",
        );
      }
    }
  });

  test(`${kernels.build}: layer norm backward equals its reference implementation and adds to the parameters' gradients`, () => {
    const random = new Random(32);
    for (const width of WIDTHS.slice(1)) {
      // More rows than one chunk of 64.
      for (const rows of [1, 3, 130]) {
        kernels.reset();
        const shape = { rows, width, epsilon };
        const dy = kernels.place(random.normals(rows * width));
        const x = kernels.place(random.normals(rows * width));
        const weight = kernels.place(random.normals(width));
        const moments = Array.from({ length: rows }, (_, r) => rowMoments(x.values, r, shape));
        const means = kernels.place(moments.map(({ mean }) => mean));
        const rstds = kernels.place(moments.map(({ rstd }) => rstd));
        const residual = rows === 3 ? undefined : kernels.place(random.normals(rows * width));
        const dx = kernels.place(rows * width);
        const before = random.normals(2 * width);
        const dWeight = kernels.place(before.subarray(0, width));
        const dBias = kernels.place(before.subarray(width));
        kernels.run("layerNormBackward", {
          dy,
          x,
          weight,
          mean: means,
          rstd: rstds,
          residual,
          dx,
          dWeight,
          dBias,
          rows,
          width,
        });
        const reference = referenceLayerNormBackward(dy.values, x.values, weight.values, shape);
        const expected = reference.dx.map((value, i) => value + (residual?.values[i] ?? 0));
        // Narrow rows can have a tiny variance, whose reciprocal root scales every error.
        const allowed = Array.from(expected, (_, i) => {
          const { rstd } = moments[Math.floor(i / width)] as { rstd: number };
          return 4e-6 * Math.max(1, rstd) * Math.max(1, rstd);
        });
        assertClose(dx.values, expected, allowed, `dx, ${rows} rows of ${width}`);
        const added = (sums: Float64Array, start: number) =>
          Array.from(sums, (v, i) => v + before[start + i]!);
        const near = 1e-5 * Math.sqrt(rows);
        const largestRstd = Math.max(1, ...moments.map(({ rstd }) => rstd));
        assertClose(
          dWeight.values,
          added(reference.dWeight, 0),
          near * largestRstd,
          `dWeight, ${rows} rows of ${width}`,
        );
        assertClose(dBias.values, added(reference.dBias, width), near, `dBias, ${rows} rows of ${width}`);
      }
    }
  });
}

test.run();
