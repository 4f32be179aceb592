// Softmax and its exponential, by attention over keys of one value: its weights are the softmax of them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertClose } from "./compare.js";
import { type Kernels, loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { referenceSoftmax } from "./reference-softmax.js";

/** The softmax of each row, all of one length. */
function softmax(kernels: Kernels, rows: readonly ArrayLike<number>[]): Float32Array[] {
  kernels.reset();
  const tokens = rows[0]?.length ?? 0;
  const batch = rows.length;
  const qkv = kernels.place(rows.flatMap((row) => Array.from(row, (key) => [1, key, 0]).flat()));
  const probabilities = kernels.place(batch * tokens * tokens);
  const out = kernels.place(batch * tokens);
  kernels.run("attention", { qkv, out, probabilities, batch, tokens, heads: 1, size: 1 });
  return rows.map((_, b) => probabilities.values.subarray(b * tokens ** 2, b * tokens ** 2 + tokens));
}

for (const kernels of loadKernels()) {
  test(`${kernels.build}: softmax equals its reference implementation on every tail length`, () => {
    const random = new Random(21);
    for (const columns of [...Array.from({ length: 20 }, (_, i) => i + 1), 197, 1000]) {
      const rows = [1, 2, 3].map(() => random.normals(columns, 4));
      const got = softmax(kernels, rows).flatMap((row) => [...row]);
      const expected = rows.flatMap((row) => referenceSoftmax(row));
      // Four roundings, and half a unit of the argument x − max, which is an error relative to the result.
      const allowed = expected.map((p) => p * (4e-7 + 6e-8 * Math.abs(Math.log(p))));
      assertClose(got, expected, allowed, `${columns} columns`);
    }
  });

  test(`${kernels.build}: the exponential is within 2 units of the last place from -87 to 0`, () => {
    // In a row of one 0 and one very negative value the second probability is eˣ/(1 + eˣ), and the sum rounds to 1
    // below e^-17: there the result is the exponential itself.
    for (let x = -87; x < -17; x += 0.37) {
      const [row] = softmax(kernels, [[0, x]]);
      const argument = Math.fround(x);
      const got = row?.[1];
      const unit = 2 ** (Math.floor(Math.log2(Math.exp(argument))) - 23);
      const error = Math.abs(got - Math.exp(argument)) / unit;
      assert.ok(error <= 2, `exp(${argument}) is off by ${error} units`);
    }
  });

  test(`${kernels.build}: softmax of huge, equal and infinitely negative scores`, () => {
    const rows = softmax(kernels, [
      [1e4, 1e4, -1e4, -Infinity],
      [3e38, 3e38, 3e38, 3e38],
    ]);
    assert.equal(
      rows.map((row) => [...row]),
      [
        [0.5, 0.5, 0, 0],
        [0.25, 0.25, 0.25, 0.25],
      ],
    );
  });

  test(`${kernels.build}: a NaN makes its row NaN and no other`, () => {
    const [bad, good] = softmax(kernels, [
      [1, Number.NaN, 2, 3, 4],
      [1, 1, 1, 1, 1],
    ]);
    assert.ok(bad?.every(Number.isNaN));
    assertClose(good ?? [], [0.2, 0.2, 0.2, 0.2, 0.2], 1e-7, "the other row");
  });
}

test.run();
