// Operations bench: a program split into instructions is still the whole program, and its products are counted correctly.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Opcode } from "../../assembly/nn/generated/opcodes.js";
import { instructionsOf, measureOf, timeOperations } from "../../bench/kernels/operations.js";
import { storeLayout } from "../../runtime/executors/parameter-store.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { loadKernels } from "../../runtime/executors/wasm/kernels.js";
import { planProgram } from "../../runtime/graph/planner.js";
import { nodeHost } from "../../runtime/host/node.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import { deitParameters } from "../../runtime/models/deit/parameters.js";
import { planTraining } from "../../runtime/training/plan.js";
import { MICRO, trainingOptions } from "../executors/micro-deit.js";

const { capabilities } = await createWasmExecutor(nodeHost());
const BATCH = 4;
const TOKENS = (MICRO.imageSize / MICRO.patchSize) ** 2 + 2;

test("bytecode is split into its instructions, without Halt", () => {
  const words = Uint32Array.of(Opcode.Gelu, 5, 16, 32, 4, Opcode.Fill, 5, 64, 1, 0, Opcode.Halt, 2);
  assert.equal(instructionsOf(words), [
    { opcode: Opcode.Gelu, operands: [16, 32, 4] },
    { opcode: Opcode.Fill, operands: [64, 1, 0] },
  ]);
  assert.equal(measureOf({ opcode: Opcode.Gelu, operands: [16, 32, 4] }), { shape: "", flops: 0 });
});

test("every operation of a training step is timed once, and the fractions add up to 1", async () => {
  const plan = planTraining(trainingOptions({ recompute: true, batchSize: BATCH }), capabilities);
  const kernels = await loadKernels(nodeHost(), false, 1);
  const before = kernels.memory.bytesInUse;
  const options = { passes: 2, peak: 100, frozenWeights: false };
  const { operations: rows, wholeMs } = timeOperations(kernels, plan.accumulate, plan.stores, options);
  assert.ok(wholeMs > 0);
  assert.is(kernels.memory.bytesInUse, before);
  const counted = rows.reduce((sum, { count }) => sum + count, 0);
  assert.is(counted, plan.accumulate.graph.operations.length);
  assert.ok(Math.abs(rows.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);

  const flops = (operation: string) =>
    rows
      .filter((row) => row.operation === operation)
      .reduce((sum, { gigaflops, ms }) => sum + (gigaflops ?? 0) * ms * 1e6, 0);
  const square = BATCH * TOKENS * TOKENS * MICRO.dim;
  // Both blocks forward, and the first one again.
  assert.ok(Math.abs(flops("Attention") / (3 * 4 * square) - 1) < 1e-9);
  assert.ok(Math.abs(flops("AttentionBackward") / (2 * 12 * square) - 1) < 1e-9);
  for (const { gigaflops, peakShare } of rows)
    if (gigaflops !== undefined) assert.ok(Math.abs((peakShare as number) - gigaflops / 100) < 1e-9);
});

test("a forward pass is timed with packed weights, and its row spans are split", async () => {
  const kernels = await loadKernels(nodeHost(), false, 1);
  const config = { ...MICRO, imageSize: 32 };
  const program = planProgram(inferenceGraph(config, 1), capabilities);
  assert.ok(program.spans.length > 0);
  const stores = new Map([["weights", storeLayout(deitParameters(config))]]);
  const { operations } = timeOperations(kernels, program, stores, {
    passes: 1,
    peak: undefined,
    frozenWeights: true,
  });
  const counted = (name: string) =>
    operations.filter(({ operation }) => operation === name).reduce((sum, { count }) => sum + count, 0);
  const linears = program.graph.operations.filter(({ type }) => type === "linear").length;
  assert.is(counted("LinearPacked"), linears);
  assert.is(counted("Span"), 0);
  assert.is(
    operations.reduce((sum, { count }) => sum + count, 0),
    program.graph.operations.length,
  );
});

test.run();
