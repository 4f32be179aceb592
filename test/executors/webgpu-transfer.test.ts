// Transfer to a GPU: inputs as bytes in multiples of four, none of them in shared memory. Needs no GPU.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { toBytes } from "../../runtime/executors/webgpu/transfer.js";

test("bytes are padded to a multiple of four, with their values first", () => {
  assert.equal(toBytes(Uint8Array.of(1, 2, 3, 4, 5)), Uint8Array.of(1, 2, 3, 4, 5, 0, 0, 0));
});

test("shared memory is copied, other memory is not", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  shared.set([9, 8, 7, 6]);
  const copy = toBytes(shared);
  assert.ok(copy.buffer instanceof ArrayBuffer);
  assert.equal(copy, Uint8Array.of(9, 8, 7, 6));
  const own = Float32Array.of(1, 2);
  assert.is(toBytes(own).buffer, own.buffer);
});

test("a float64 becomes two float32 whose sum is closer than one", () => {
  const [high, low] = new Float32Array(toBytes(Float64Array.of(Math.PI)).buffer);
  assert.is(high, Math.fround(Math.PI));
  assert.ok(Math.abs(high + low - Math.PI) < 1e-14);
});

test.run();
