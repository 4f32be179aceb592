// The interpreter: order, unknown instructions, and addresses in the upper half of 4 GiB.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { INSTRUCTION_LAYOUTS } from "../../assembly/nn/generated/instructions.js";
import { Activation } from "../../assembly/nn/linear-forms.js";
import { BytecodeWriter } from "../../runtime/executors/wasm/bytecode-writer.js";
import { assertSameBits } from "./compare.js";
import { Kernels, loadBuilds, loadKernels, write } from "./kernels.js";
import { Random } from "./random.js";

const UNKNOWN = [9999, 3, 0];
/** Operands that a kernel accesses even if all sizes are 0. */
const READ_ALWAYS = [
  "settings",
  "norm",
  "unscaled",
  "report",
  "scale",
  "goodSteps",
  "skipped",
  "y",
  "a",
  "x",
];

for (const kernels of loadKernels()) {
  test(`${kernels.build}: instructions run in order up to Halt`, () => {
    kernels.reset();
    const x = kernels.place([1, 2, 3]);
    const y = kernels.place(3);
    const writer = new BytecodeWriter();
    write(writer, "scaledSum", { a: x, b: x, y, n: 3, alpha: 1, beta: 0 });
    write(writer, "fill", { y: x, n: 3, value: 0 });
    const words = writer.finish();
    assert.is(kernels.runWords([...words, ...words]), 0);
    assert.equal(Array.from(y.values), [1, 2, 3]);
    assert.equal(Array.from(x.values), [0, 0, 0]);
  });

  test(`${kernels.build}: an unknown opcode stops the run and is named by its position`, () => {
    kernels.reset();
    const x = kernels.place([1, 2, 3]);
    const writer = new BytecodeWriter();
    write(writer, "fill", { y: x, n: 3, value: 0 });
    const halt = new BytecodeWriter().finish();
    const fill = writer.finish().slice(0, -halt.length);
    assert.is(kernels.runWords([...fill, ...UNKNOWN, ...halt]), 2);
    assert.equal(Array.from(x.values), [0, 0, 0]);
    assert.is(kernels.runWords(halt), 0);
  });

  test(`${kernels.build}: every instruction of the table is known to the interpreter`, () => {
    // Sizes of 0 everywhere: each kernel has nothing to do and returns.
    for (const [name, { opcode, tensors, sizes, numbers }] of Object.entries(INSTRUCTION_LAYOUTS)) {
      kernels.reset();
      const { address } = kernels.place(24);
      const addressed = tensors.map((tensor) => (READ_ALWAYS.includes(tensor) ? address : 0));
      // The side of a patch divides the side of the image.
      const counts = sizes.map((size) => (size === "patchSize" ? 1 : 0));
      const words = [...addressed, ...counts, ...numbers.map(() => 0)];
      assert.is(
        kernels.runWords([opcode, words.length + 2, ...words, ...new BytecodeWriter().finish()]),
        0,
        name,
      );
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
      kernels.run("linear", { x, weight, bias, y, m, k, n, activation: Activation.Gelu });
      kernels.run("layerNorm", { x: y, weight: bias, bias, y, rows: m, width: n, epsilon: 1e-6 });
      kernels.run("linearWeightGradient", { dy: y, x, dWeight, dBias: bias, m, k, n });
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
