// Position embedding: properties of the resize; torch's own numbers are a parity case.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { resizePositionEmbedding } from "../../runtime/weights/position-embedding.js";
import type { NamedTensor } from "../../runtime/weights/tensor-map.js";

/** [1, extra + side², dim] with values of a function of (row, column, k). */
function embedding(
  extra: number,
  side: number,
  dim: number,
  at: (y: number, x: number, k: number) => number,
): NamedTensor {
  const data = new Float32Array((extra + side * side) * dim);
  for (let i = 0; i < extra * dim; i++) data[i] = 100 + i;
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let k = 0; k < dim; k++) data[(extra + y * side + x) * dim + k] = at(y, x, k);
  return { shape: [1, extra + side * side, dim], data };
}

test("the rows of the tokens are copied, a constant stays constant", () => {
  const resized = resizePositionEmbedding(
    embedding(2, 4, 3, (_y, _x, k) => k + 0.5),
    2,
    7,
  );
  assert.equal(resized.shape, [1, 2 + 49, 3]);
  assert.equal([...resized.data.subarray(0, 6)], [100, 101, 102, 103, 104, 105]);
  for (let i = 6; i < resized.data.length; i++)
    assert.ok(Math.abs((resized.data[i] as number) - ((i % 3) + 0.5)) < 1e-6);
});

test("an impulse becomes the cubic kernel with A = −0.75, at distances of quarters", () => {
  const column = embedding(0, 9, 1, (_y, x) => (x === 4 ? 1 : 0));
  const resized = resizePositionEmbedding(column, 0, 18).data;
  // Keys' kernel at 1.25, 0.75, 0.25: (A+2)x³ − (A+3)x² + 1 inside 1, A(x³ − 5x² + 8x − 4) up to 2.
  const kernel = [-0.10546875, 0.26171875, 0.87890625];
  for (const row of [0, 9, 17])
    assert.equal([...resized.subarray(row * 18 + 6, row * 18 + 12)], [...kernel, ...kernel.toReversed()]);
});

test("rows and columns are treated alike", () => {
  const at = (y: number, x: number) => Math.sin(3 * y + x * x);
  const one = resizePositionEmbedding(embedding(0, 5, 1, at), 0, 3).data;
  const other = resizePositionEmbedding(
    embedding(0, 5, 1, (y, x) => at(x, y)),
    0,
    3,
  ).data;
  for (let y = 0; y < 3; y++)
    for (let x = 0; x < 3; x++)
      assert.ok(Math.abs((one[y * 3 + x] as number) - (other[x * 3 + y] as number)) < 1e-6);
});

test("the same grid is the same tensor, and what is no square is refused", () => {
  const square = embedding(1, 3, 2, (y, x) => y + x);
  assert.is(resizePositionEmbedding(square, 1, 3), square);
  assert.throws(() => resizePositionEmbedding(square, 2, 3), /10 rows less 2 for tokens are no square/);
});

test.run();
