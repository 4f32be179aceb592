// Claims about the tape's interpreter: order, unknown instructions, and addresses in the upper half of 4 GiB.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Activation } from "../../assembly/nn/opcodes.js";
import { assertSameBits } from "./compare.js";
import { Kernels, loadBuilds, loadKernels, Opcode } from "./kernels.js";
import { Random } from "./random.js";

for (const kernels of loadKernels()) {
  test(`${kernels.build}: instructions run in order up to Halt`, () => {
    kernels.reset();
    const x = kernels.place([1, 2, 3]);
    const y = kernels.place(3);
    const copy = [Opcode.Copy, 5, x.address, y.address, 3];
    const fill = [Opcode.Fill, 5, x.address, 3, 0];
    assert.is(kernels.runWords([...copy, ...fill, Opcode.Halt, 2, ...copy]), 0);
    assert.equal(Array.from(y.values), [1, 2, 3]);
    assert.equal(Array.from(x.values), [0, 0, 0]);
  });

  test(`${kernels.build}: an unknown opcode stops the tape and is named by its place`, () => {
    kernels.reset();
    const x = kernels.place([1, 2, 3]);
    const fill = [Opcode.Fill, 5, x.address, 3, 0];
    assert.is(kernels.runWords([...fill, 9999, 3, 0, Opcode.Halt, 2]), 2);
    assert.is(kernels.runWords([Opcode.Halt, 2]), 0);
  });

  test(`${kernels.build}: every opcode but Halt is known to the interpreter`, () => {
    // Sizes of 0 everywhere: each kernel has nothing to do and returns.
    for (const opcode of Object.values(Opcode)) {
      if (typeof opcode !== "number" || opcode === Opcode.Halt) continue;
      kernels.reset();
      const settings = kernels.place(24);
      const operands = new Array(12).fill(0);
      if (opcode === Opcode.AdamW) operands[5] = settings.address;
      if (opcode === Opcode.Dot || opcode === Opcode.SumOfSquares || opcode === Opcode.ScaleByScalar) {
        operands.fill(settings.address, 0, 3);
      }
      if (opcode === Opcode.SumOfSquares) operands[2] = 0;
      if (opcode === Opcode.UpdateLossScale) operands.fill(settings.address, 0, 7);
      // The side of a patch divides the side of the image.
      if (opcode === Opcode.PatchifyBytes) operands[5] = 1;
      if (opcode === Opcode.PatchifyFloats) operands[4] = 1;
      assert.is(kernels.runWords([opcode, 14, ...operands, Opcode.Halt, 2]), 0, Opcode[opcode]);
    }
  });
}

test("addresses above 2 GiB give the same bits as low ones", () => {
  const [m, k, n] = [9, 30, 21];
  for (const [name, bytes] of loadBuilds()) {
    const low = new Kernels(name, bytes);
    const high = new Kernels(name, bytes, { megabytes: 2304, from: 2 ** 31 + 4096 });
    const results = [low, high].map((kernels) => {
      const random = new Random(91);
      const x = kernels.place(random.normals(m * k));
      const weight = kernels.place(random.normals(n * k));
      const bias = kernels.place(random.normals(n));
      const y = kernels.place(m * n);
      const dWeight = kernels.place(new Float32Array(n * k));
      kernels.run(Opcode.Linear, x, weight, bias, 0, y, m, k, n, Activation.Gelu);
      kernels.run(Opcode.LayerNorm, y, bias, bias, y, 0, 0, m, n, { float: 1e-6 });
      kernels.run(Opcode.LinearWeightGradient, y, x, dWeight, bias, m, k, n);
      assert.is(kernels === high, y.address > 2 ** 31);
      return { y: y.values, dWeight: dWeight.values, bias: bias.values };
    });
    const [below, above] = results as [(typeof results)[0], (typeof results)[0]];
    assertSameBits(above.y, below.y, "activations");
    assertSameBits(above.dWeight, below.dWeight, "weight gradients");
    assertSameBits(above.bias, below.bias, "bias gradients");
  }
});

test.run();
