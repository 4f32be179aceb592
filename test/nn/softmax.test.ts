// Claims about softmax and the exponential under it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertClose } from "./compare.js";
import { loadKernels, Opcode } from "./kernels.js";
import { plainSoftmax } from "./plain-softmax.js";
import { Random } from "./random.js";

for (const kernels of loadKernels()) {
  test(`${kernels.build}: softmax equals its twin on every tail length`, () => {
    const random = new Random(21);
    const rows = 3;
    for (const columns of [...Array.from({ length: 20 }, (_, i) => i + 1), 197, 1000]) {
      kernels.reset();
      const x = kernels.place(random.normals(rows * columns, 4));
      const y = kernels.place(rows * columns);
      kernels.run(Opcode.Softmax, x, y, rows, columns);
      const expected = Array.from({ length: rows }, (_, r) =>
        plainSoftmax(x.values.subarray(r * columns, (r + 1) * columns)),
      ).flat();
      // Four roundings, and half a unit of the argument x − max, which is an error relative to the result.
      const allowed = expected.map((p) => p * (4e-7 + 6e-8 * Math.abs(Math.log(p))));
      assertClose(y.values, expected, allowed, `${columns} columns`);
    }
  });

  test(`${kernels.build}: the exponential is within 2 units of the last place from -87 to 0`, () => {
    // In a row of one 0 and one very negative value the second probability is eˣ/(1 + eˣ), and the sum rounds to 1
    // below e^-17: there the result is the exponential itself.
    for (let x = -87; x < -17; x += 0.37) {
      kernels.reset();
      const row = kernels.place([0, x]);
      kernels.run(Opcode.Softmax, row, row, 1, 2);
      const argument = Math.fround(x);
      const got = row.values[1] as number;
      const unit = 2 ** (Math.floor(Math.log2(Math.exp(argument))) - 23);
      const error = Math.abs(got - Math.exp(argument)) / unit;
      assert.ok(error <= 2, `exp(${argument}) is off by ${error} units`);
    }
  });

  test(`${kernels.build}: softmax of huge, equal and infinitely negative scores`, () => {
    kernels.reset();
    const x = kernels.place([1e4, 1e4, -1e4, -Infinity, 3e38, 3e38, 3e38, 3e38]);
    kernels.run(Opcode.Softmax, x, x, 2, 4);
    assert.equal(Array.from(x.values), [0.5, 0.5, 0, 0, 0.25, 0.25, 0.25, 0.25]);
  });

  test(`${kernels.build}: a NaN makes its row NaN and no other`, () => {
    kernels.reset();
    const x = kernels.place([1, Number.NaN, 2, 3, 4, 1, 1, 1, 1, 1]);
    kernels.run(Opcode.Softmax, x, x, 2, 5);
    assert.ok(x.values.subarray(0, 5).every(Number.isNaN));
    assertClose(x.values.subarray(5), [0.2, 0.2, 0.2, 0.2, 0.2], 1e-7, "the other row");
  });
}

test.run();
