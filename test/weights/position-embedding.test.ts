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
  for (let i = 6; i < resized.data.length; i++) assert.ok(Math.abs(resized.data[i] - ((i % 3) + 0.5)) < 1e-6);
});

test("an impulse becomes the cubic kernel with A = −0.75, at quarter distances", () => {
  const column = embedding(0, 9, 1, (_y, x) => (x === 4 ? 1 : 0));
  const resized = resizePositionEmbedding(column, 0, 18).data;
  // Keys' kernel at 1.25, 0.75, 0.25: (A+2)x³ − (A+3)x² + 1 inside 1, A(x³ − 5x² + 8x − 4) up to 2.
  const kernel = [-0.10546875, 0.26171875, 0.87890625];
  for (const row of [0, 9, 17])
    assert.equal([...resized.subarray(row * 18 + 6, row * 18 + 12)], [...kernel, ...kernel.toReversed()]);
});

test("beyond the border the border's value is repeated, without wrapping around", () => {
  // The columns' taps −2 … 3 around column 0 of 9, at quarter distances, with those before it added to its own.
  const start = [1.10546875, 0.7734375, 0.2265625, -0.10546875, -0.03515625];
  const expected = [...start, ...new Array(13).fill(0)];
  const first = resizePositionEmbedding(
    embedding(0, 9, 1, (_y, x) => (x === 0 ? 1 : 0)),
    0,
    18,
  ).data;
  const last = resizePositionEmbedding(
    embedding(0, 9, 1, (y) => (y === 8 ? 1 : 0)),
    0,
    18,
  ).data;
  for (const line of [0, 9, 17]) {
    const row = [...first.subarray(line * 18, (line + 1) * 18)];
    const column = Array.from({ length: 18 }, (_, y) => last[y * 18 + line]);
    assert.equal(row, expected);
    assert.equal(column.reverse(), expected);
  }
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
    for (let x = 0; x < 3; x++) assert.ok(Math.abs(one[y * 3 + x] - other[x * 3 + y]) < 1e-6);
});

test("the same grid returns the same tensor, and patches that do not form a square are refused", () => {
  const square = embedding(1, 3, 2, (y, x) => y + x);
  assert.is(resizePositionEmbedding(square, 1, 3), square);
  assert.throws(() => resizePositionEmbedding(square, 2, 3), /10 rows minus 2 of tokens are not a square/);
});

test.run();
