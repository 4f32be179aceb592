// Planner: no live tensor is overwritten, plans are deterministic, fusion and memory limits do what they promise.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { withInt8Linears } from "../../runtime/graph/int8-linears.js";
import { planForBatch, planProgram } from "../../runtime/graph/planner.js";
import type { FusionName, PlanOptions, Program } from "../../runtime/graph/program.js";
import { nodeHost } from "../../runtime/host/node.js";
import { inferenceGraph } from "../../runtime/inference/program.js";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { DEIT } from "../../runtime/models/deit/family.js";
import { int8Layers } from "../../runtime/models/deit/parameters.js";
import { publishedConfig } from "../../runtime/models/families.js";
import { accumulateGraph } from "../../runtime/training/graph.js";
import { assertClose } from "../nn/compare.js";
import { Random } from "../nn/random.js";
import { runInDouble } from "./double-reference.js";
import { liveBytes, replayMemory } from "./memory-replay.js";
import { randomGraph } from "./random-graph.js";

const ALL: ReadonlySet<FusionName> = new Set(["linear-gelu", "linear-residual"]);
const OPTIONS: PlanOptions = { fuses: ALL, alignmentBytes: 64, limitBytes: 2 ** 32 };

function smallModel(): DeitConfig {
  const sizes = { imageSize: 16, patchSize: 4, dim: 24, depth: 3, heads: 3, mlpDim: 96, classes: 5 };
  return { ...(publishedConfig("deit_tiny_distilled_patch16_224") as DeitConfig), ...sizes };
}

function trainingGraph(batch: number) {
  const config = smallModel();
  const distillation = "hard" as const;
  return accumulateGraph(
    DEIT,
    { config, distillation, alpha: 0.5, tau: 1, dropPath: 0.1, ema: true },
    batch,
    "pixels",
  );
}

const types = (program: Program) => program.graph.operations.map(({ type }) => type);

test("on random graphs no tensor is read after it was overwritten", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const { graph } = randomGraph(random, random.between(3, 40));
    for (const fuses of [ALL, new Set<FusionName>()]) {
      const program = planProgram(graph, { ...OPTIONS, fuses });
      assert.equal(replayMemory(program), [], `seed ${seed}`);
      for (const { offset, bytes } of program.placements.values()) {
        assert.is(offset % OPTIONS.alignmentBytes, 0);
        assert.ok(offset + bytes <= program.arenaBytes);
      }
    }
  }
});

test("where memory is split into buffers no tensor crosses a boundary, and none is larger than a buffer", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const { graph } = randomGraph(random, random.between(3, 40));
    const whole = planProgram(graph, OPTIONS);
    const largest = Math.max(...Array.from(whole.placements.values(), ({ bytes }) => bytes));
    const bufferBytes = 64 * Math.ceil(largest / 64) + 64 * random.between(0, 3);
    const program = planProgram(graph, { ...OPTIONS, bufferBytes });
    assert.equal(replayMemory(program), [], `seed ${seed}`);
    for (const { offset, bytes } of program.placements.values()) {
      assert.ok((offset % bufferBytes) + bytes <= bufferBytes, `seed ${seed}: ${bytes} at ${offset}`);
      assert.ok(offset + bytes <= program.arenaBytes);
    }
    assert.throws(
      () => planProgram(graph, { ...OPTIONS, bufferBytes: 64 * Math.ceil(largest / 64) - 64 }),
      /has a tensor of .*, a kernel of this device takes .*: take a smaller batch/,
    );
  }
});

test("the replay finds a plan that gives two live tensors the same memory", () => {
  const { graph } = randomGraph(new Random(3), 20);
  const program = planProgram(graph, OPTIONS);
  const placements = new Map([...program.placements].map(([id, place]) => [id, { ...place, offset: 0 }]));
  assert.ok(replayMemory({ ...program, placements }).length > 0);
});

test("random graphs give the results of their double references on the executor, fused or not", async () => {
  const executor = await createWasmExecutor(nodeHost(), { relaxed: false });
  for (let seed = 1; seed <= 30; seed++) {
    const { graph, given } = randomGraph(new Random(seed), 12);
    const expected = runInDouble(graph, given);
    const parameters = [...given].filter(([name]) => !graph.inputs.has(name));
    const store = executor.createStore(new Map(parameters.map(([name, values]) => [name, values.length])));
    for (const [name, values] of parameters) store.write(name, values);
    const inputs = Object.fromEntries([...given].filter(([name]) => graph.inputs.has(name)));
    for (const fuses of [ALL, new Set<FusionName>()]) {
      const program = planProgram(graph, { ...OPTIONS, fuses });
      const executable = await executor.compile(program, new Map([["weights", store]]));
      const outputs = await executable.run(inputs);
      for (const [name, want] of expected) {
        const scale = Math.max(1, ...Array.from(want, Math.abs));
        assertClose(outputs[name], want, 1e-5 * scale, `seed ${seed} ${name}`);
      }
      executable.dispose();
    }
    store.dispose();
  }
});

test("a training step's plan is sound, deterministic, and close to the minimum memory", () => {
  const program = planProgram(trainingGraph(2), OPTIONS);
  assert.equal(replayMemory(program), []);
  const again = planProgram(trainingGraph(2), OPTIONS);
  assert.equal(again.graph.operations, program.graph.operations);
  assert.equal([...again.placements], [...program.placements]);
  assert.ok(program.arenaBytes <= 1.1 * liveBytes(program), `${program.arenaBytes} of ${liveBytes(program)}`);
});

test("inference fuses linear with gelu and residual and keeps no attention weights", () => {
  const config = smallModel();
  const program = planProgram(inferenceGraph(config, 1), OPTIONS);
  assert.equal(replayMemory(program), []);
  assert.not(types(program).includes("gelu"));
  assert.not(types(program).includes("residual"));
  const names = [...program.placements.keys()].map((id) => program.graph.tensors[id]?.name);
  assert.not(names.some((name) => name?.endsWith(".probabilities")));
  const plain = planProgram(inferenceGraph(config, 1), { ...OPTIONS, fuses: new Set() });
  // The last block's MLP occurs once for each token that a head reads.
  const mlps = config.depth + 1;
  assert.is(types(plain).filter((type) => type === "gelu").length, mlps);
  assert.is(types(plain).filter((type) => type === "residual").length, 2 * mlps);
});

test("int8 layers fuse like float32 ones, and layers that are not listed stay float32", () => {
  const config = smallModel();
  const float = planProgram(inferenceGraph(config, 1), OPTIONS);
  const names = int8Layers(config);
  const int8 = planProgram(withInt8Linears(inferenceGraph(config, 1), names), OPTIONS);
  assert.equal(replayMemory(int8), []);
  assert.is(int8.arenaBytes, float.arenaBytes);
  const asFloat = types(int8).map((type) => (type === "linearInt8" ? "linear" : type));
  assert.equal(asFloat, types(float));
  for (const operation of int8.graph.operations) {
    if (operation.type !== "linear" && operation.type !== "linearInt8") continue;
    const { origin, dtype } = int8.graph.tensors[operation.reads.weight];
    assert.is(operation.type === "linearInt8", origin.kind === "store" && names.has(origin.first));
    assert.is(dtype, operation.type === "linearInt8" ? "int8" : "float32");
  }
});

test("training keeps what backward reads: a GELU whose input is needed is not fused", () => {
  const program = planProgram(trainingGraph(2), OPTIONS);
  assert.is(types(program).filter((type) => type === "gelu").length, smallModel().depth + 1);
  assert.is(types(program).filter((type) => type === "selectTwoTokensBackward").length, 2);
});

test("a head that the loss ignores is neither computed nor differentiated", () => {
  const config = smallModel();
  const options = { config, distillation: "none" as const, alpha: 0.5, tau: 1, dropPath: 0, ema: false };
  const program = planProgram(accumulateGraph(DEIT, options, 2, "pixels"), OPTIONS);
  const heads = program.graph.operations.filter(
    (operation) =>
      operation.type === "linear" && program.graph.tensors[operation.reads.weight]?.name.startsWith("head"),
  );
  assert.is(heads.length, 1);
});

test("a program that is too large is refused with its bytes and the batch that fits", () => {
  const fitting = planProgram(trainingGraph(5), OPTIONS).arenaBytes;
  assert.ok(planProgram(trainingGraph(6), OPTIONS).arenaBytes > fitting);
  try {
    planForBatch(trainingGraph, 64, { ...OPTIONS, limitBytes: fitting });
    assert.unreachable("a batch of 64 was planned");
  } catch (error) {
    assert.instance(error, VitrineError);
    const { code, message, details } = error as VitrineError;
    assert.is(code, "graph/memory");
    assert.is(details.largestBatch, 5);
    assert.is(details.bytes, planProgram(trainingGraph(64), OPTIONS).arenaBytes);
    assert.match(message, /a batch of 5 fits \(--batch-size 5\)/);
  }
  assert.throws(
    () => planForBatch(trainingGraph, 4, { ...OPTIONS, limitBytes: 1000 }),
    /not even a batch of 1 fits/,
  );
});

test.run();
