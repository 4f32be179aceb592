// Claims about attention, forward and backward, on any head size and token count.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertClose, assertSameBits } from "./compare.js";
import { loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import { referenceAttention, referenceAttentionBackward } from "./reference-attention.js";

const SHAPES = [
  { batch: 1, tokens: 1, heads: 1, size: 1 },
  { batch: 2, tokens: 5, heads: 3, size: 16 },
  { batch: 1, tokens: 17, heads: 2, size: 24 },
  { batch: 2, tokens: 13, heads: 1, size: 32 },
  { batch: 1, tokens: 18, heads: 2, size: 48 },
  { batch: 1, tokens: 50, heads: 2, size: 64 },
  { batch: 1, tokens: 8, heads: 3, size: 7 },
  // More queries and keys than a block has.
  { batch: 1, tokens: 300, heads: 1, size: 5 },
];

for (const kernels of loadKernels()) {
  test(`${kernels.build}: attention equals its reference implementation on every head size`, () => {
    const random = new Random(41);
    for (const shape of SHAPES) {
      kernels.reset();
      const { batch, tokens, heads, size } = shape;
      const qkv = kernels.place(random.normals(batch * tokens * 3 * heads * size));
      const out = kernels.place(batch * tokens * heads * size);
      const probabilities = kernels.place(batch * heads * tokens * tokens);
      const logSumExp = kernels.place(batch * heads * tokens);
      kernels.run("attention", { qkv, out, probabilities, logSumExp, batch, tokens, heads, size });
      const reference = referenceAttention(qkv.values, shape);
      const name = JSON.stringify(shape);
      assertClose(probabilities.values, reference.probabilities, 2e-6, `probabilities of ${name}`);
      assertClose(out.values, reference.out, 5e-6, `out of ${name}`);
      assertClose(logSumExp.values, reference.logSumExp, 2e-6, `logSumExp of ${name}`);
    }
  });

  test(`${kernels.build}: attention gives the same bits when it keeps nothing`, () => {
    const random = new Random(42);
    const [batch, tokens, heads, size] = [2, 11, 2, 12];
    kernels.reset();
    const qkv = kernels.place(random.normals(batch * tokens * 3 * heads * size));
    const out = kernels.place(batch * tokens * heads * size);
    const again = kernels.place(batch * tokens * heads * size);
    const probabilities = kernels.place(batch * heads * tokens * tokens);
    const logSumExp = kernels.place(batch * heads * tokens);
    kernels.run("attention", { qkv, out, probabilities, logSumExp, batch, tokens, heads, size });
    kernels.run("attention", { qkv, out: again, batch, tokens, heads, size });
    assertSameBits(again.values, out.values, "without weights");
    for (let row = 0; row < batch * heads * tokens; row++) {
      const sum = probabilities.values.subarray(row * tokens, (row + 1) * tokens).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-6, `row ${row} sums to ${sum}`);
    }
  });

  test(`${kernels.build}: attention backward equals its reference implementation on every head size`, () => {
    const random = new Random(43);
    for (const shape of SHAPES) {
      kernels.reset();
      const { batch, tokens, heads, size } = shape;
      const qkv = kernels.place(random.normals(batch * tokens * 3 * heads * size));
      const dOut = kernels.place(random.normals(batch * tokens * heads * size));
      const out = kernels.place(dOut.length);
      const logSumExp = kernels.place(batch * heads * tokens);
      const dQkv = kernels.place(qkv.length);
      kernels.run("attention", { qkv, out, logSumExp, batch, tokens, heads, size });
      kernels.run("attentionBackward", { dOut, qkv, out, logSumExp, dQkv, batch, tokens, heads, size });
      const reference = referenceAttentionBackward(dOut.values, qkv.values, shape);
      assertClose(dQkv.values, reference, 1e-5, `dQkv of ${JSON.stringify(shape)}`);
    }
  });
}

test.run();
