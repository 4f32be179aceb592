// Checks: an operand that a kernel must not be given is a trap. The debug build names the check and the kernel.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadKernels } from "./kernels.js";

const IS_DEBUG = process.env.VITRINE_WASM === "debug";

function stackOf(run: () => void): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, WebAssembly.RuntimeError);
    return (error as Error).stack ?? "";
  }
  return "";
}

for (const kernels of loadKernels()) {
  test(`${kernels.build}: a result outside the memory is a trap`, () => {
    kernels.reset();
    const x = kernels.place(new Float32Array(64).fill(1));
    const end = kernels.memory.buffer.byteLength - 64;
    const stack = stackOf(() => kernels.run("relu", { x, y: end, n: 64 }));
    assert.is.not(stack, "");
  });

  test(`${kernels.build}: the debug build checks a product's operands before it computes`, () => {
    kernels.reset();
    const x = kernels.place(new Float32Array(64).fill(1));
    const weight = kernels.place(new Float32Array(64).fill(1));
    const y = kernels.place(64);
    const sizes = { m: 8, k: 8, n: 8, activation: 0, bias: 0, residual: 0 };
    const misaligned = stackOf(() => kernels.run("linear", { x: x.address + 2, weight, y, ...sizes }));
    assert.is(/assertFloats[\s\S]*gemm[\s\S]*linear/.test(misaligned), IS_DEBUG, misaligned);
    if (!IS_DEBUG) return;
    assert.ok(y.values.every(Number.isNaN), "computed in spite of a failed check");
    const absent = stackOf(() => kernels.run("linear", { x, weight, y: 0, ...sizes }));
    assert.match(absent, /assertFloats[\s\S]*gemm[\s\S]*linear/);
  });
}

test.run();
