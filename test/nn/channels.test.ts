// Claims about pooling, channel factors, ReLU and sigmoid, forward and backward.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertClose, assertSameBits } from "./compare.js";
import { loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { referenceChannelSums } from "./reference-convolution.js";

/** batch, pixels, channels. */
const SHAPES: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [2, 5, 3],
  [3, 16, 20],
  [2, 130, 17],
];

for (const kernels of loadKernels()) {
  test(`${kernels.build}: the pool is the mean of every channel, and its gradient is equal for all pixels`, () => {
    const random = new Random(81);
    for (const [batch, pixels, channels] of SHAPES) {
      kernels.reset();
      const [x, y] = [
        kernels.place(random.normals(batch * pixels * channels)),
        kernels.place(batch * channels),
      ];
      kernels.run("globalAveragePool", { x, y, batch, pixels, channels });
      const mean = referenceChannelSums(x.values, batch, channels, () => 1 / pixels);
      assertClose(y.values, mean, 1e-6, `${batch}×${pixels}×${channels}`);
      const dx = kernels.place(x.length);
      kernels.run("globalAveragePoolBackward", { dy: y, dx, batch, pixels, channels });
      const expected = Float32Array.from(dx.values, (_, i) => {
        const to = Math.floor(i / (pixels * channels)) * channels + (i % channels);
        return y.values[to] / pixels;
      });
      assertClose(dx.values, expected, 1e-7, "gradient");
    }
  });

  test(`${kernels.build}: channel factors and their gradients`, () => {
    const random = new Random(82);
    for (const [batch, pixels, channels] of SHAPES) {
      kernels.reset();
      const count = batch * pixels * channels;
      const [x, scale] = [
        kernels.place(random.normals(count)),
        kernels.place(random.normals(batch * channels)),
      ];
      const [y, dScale] = [kernels.place(count), kernels.place(batch * channels)];
      kernels.run("scaleChannels", { x, scale, y, batch, pixels, channels });
      const factor = (i: number) =>
        scale.values[Math.floor(i / (pixels * channels)) * channels + (i % channels)];
      assertSameBits(
        y.values,
        x.values.map((value, i) => value * factor(i)),
        "scaled",
      );
      const dy = kernels.place(random.normals(count));
      kernels.run("scaleChannelsGradient", { dy, x, dScale, batch, pixels, channels });
      const reference = referenceChannelSums(x.values, batch, channels, (i) => dy.values[i]);
      assertClose(dScale.values, reference, 1e-5, "gradient of the factors");
    }
  });

  test(`${kernels.build}: ReLU and its gradient on every tail; the slope at 0 is 0, NaN stays NaN`, () => {
    const random = new Random(83);
    for (let n = 1; n <= 13; n++) {
      kernels.reset();
      const x = kernels.place(random.normals(n));
      x.values[n - 1] = 0;
      const [y, dy, dx] = [kernels.place(n), kernels.place(random.normals(n)), kernels.place(n)];
      kernels.run("relu", { x, y, n });
      assert.equal(
        Array.from(y.values),
        Array.from(x.values, (value) => Math.max(value, 0)),
      );
      kernels.run("reluBackward", { y, dy, dx, n });
      const slopes = Array.from(x.values, (value, i) => (value > 0 ? dy.values[i] : 0));
      assert.equal(Array.from(dx.values), slopes);
    }
    kernels.reset();
    const odd = kernels.place([Number.NaN, 1, -1, 2, Number.NaN]);
    kernels.run("relu", { x: odd, y: odd, n: 5 });
    assert.equal(Array.from(odd.values), [Number.NaN, 1, 0, 2, Number.NaN]);
  });

  test(`${kernels.build}: halves are exchanged, whatever their length`, () => {
    const random = new Random(91);
    for (const n of [2, 6, 16, 34]) {
      kernels.reset();
      const [x, y] = [kernels.place(random.normals(n)), kernels.place(n)];
      kernels.run("swapHalves", { x, y, n });
      const half = n / 2;
      assert.equal([...y.values], [...x.values.slice(half), ...x.values.slice(0, half)]);
    }
  });

  test(`${kernels.build}: sigmoid and its gradient, for large arguments too`, () => {
    const random = new Random(84);
    kernels.reset();
    const values = [...random.normals(30, 4), 0, 87, -87, 1000, -1000, Infinity, -Infinity];
    const [x, y] = [kernels.place(values), kernels.place(values.length)];
    kernels.run("sigmoid", { x, y, n: values.length });
    const reference = Array.from(x.values, (value) => 1 / (1 + Math.exp(-value)));
    assertClose(
      y.values,
      reference,
      reference.map((value) => 5e-7 * value + 1e-37),
      "sigmoid",
    );
    const [dy, dx] = [kernels.place(random.normals(values.length)), kernels.place(values.length)];
    kernels.run("sigmoidBackward", { y, dy, dx, n: values.length });
    const slopes = reference.map((value, i) => dy.values[i] * value * (1 - value));
    assertClose(dx.values, slopes, 5e-7, "gradient");
  });
}

test.run();
