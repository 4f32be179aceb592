// Claims about LayerScale: a factor for each column, and the sums of its gradient, on every tail length.

import { test } from "uvu";
import { assertClose, assertSameBits } from "./compare.js";
import { loadKernels } from "./kernels.js";
import { Random } from "./random.js";

/** Rows beyond a chunk of 64, widths with every tail. */
const SHAPES: readonly (readonly [rows: number, width: number])[] = [
  ...([
    [1, 1],
    [3, 5],
    [2, 16],
    [65, 7],
  ] as const),
  ...([
    [130, 24],
    [64, 42],
    [200, 19],
  ] as const),
];

for (const kernels of loadKernels()) {
  test(`${kernels.build}: every column is multiplied with its factor, in place too`, () => {
    const random = new Random(91);
    for (const [rows, width] of SHAPES) {
      kernels.reset();
      const x = kernels.place(random.normals(rows * width));
      const factors = kernels.place(random.normals(width));
      const y = kernels.place(rows * width);
      const expected = x.values.map((value, i) => value * factors.values[i % width]);
      kernels.run("layerScale", { x, factors, y, rows, width });
      assertSameBits(y.values, expected, `${rows}×${width}`);
      kernels.run("layerScale", { x, factors, y: x, rows, width });
      assertSameBits(x.values, expected, `${rows}×${width} in place`);
    }
  });

  test(`${kernels.build}: the gradient of the factors is added to`, () => {
    const random = new Random(92);
    for (const [rows, width] of SHAPES) {
      kernels.reset();
      const [dy, x] = [0, 1].map(() => kernels.place(random.normals(rows * width)));
      const before = random.normals(width);
      const dFactors = kernels.place(before);
      kernels.run("layerScaleGradient", { dy, x, dFactors, rows, width });
      const expected = Array.from(before, (start, column) =>
        Array.from(
          { length: rows },
          (_, row) => dy.values[row * width + column] * x.values[row * width + column],
        ).reduce((a, b) => a + b, start),
      );
      assertClose(dFactors.values, expected, 4e-6 * Math.sqrt(rows), `${rows}×${width}`);
    }
  });
}

test.run();
