// The wasm executor: inputs are checked, programs share one memory safely, addresses reach beyond 2 GiB.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { attention } from "../../runtime/graph/operations/attention.js";
import { linear } from "../../runtime/graph/operations/linear.js";
import { scaledSum } from "../../runtime/graph/operations/sums.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { ProgramInputs } from "../../runtime/graph/program.js";
import { nodeHost } from "../../runtime/host/node.js";

/** y = 2x + c for x [n], with the constant c in the graph. */
function affine(length: number, added: number): GraphBuilder {
  const graph = new GraphBuilder(`affine ${length}`);
  const x = graph.input("x", [length]);
  const c = graph.constant("c", [length], new Float32Array(length).fill(added));
  graph.output("y", scaledSum(graph, x, c, { alpha: 2, beta: 1 }, "y"));
  return graph;
}

async function compile(executor: Executor, graph: GraphBuilder) {
  return executor.compile(planProgram(graph, executor.capabilities), new Map());
}

async function refusal(run: () => Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await run();
  } catch (error) {
    if (isVitrineError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("nothing was refused");
}

const newExecutor = () => createWasmExecutor(nodeHost(), { relaxed: false });

test("inputs that are missing, unknown, too short or of another type are refused by name", async () => {
  const executable = await compile(await newExecutor(), affine(3, 0));
  const cases: [ProgramInputs, RegExp][] = [
    [{}, /input x got nothing, wanted 3 of float32/],
    [{ x: new Float32Array(2) }, /input x got 2 values of float32, wanted 3 of float32/],
    [{ x: new Uint8Array(12) }, /input x got 12 values of uint8/],
    [{ x: new Float64Array(3) }, /input x got 3 values of float64/],
    [{ x: new Float32Array(3), z: new Float32Array(3) }, /there is no input z, only x/],
  ];
  for (const [inputs, text] of cases) {
    const { code, message } = await refusal(() => executable.run(inputs));
    assert.is(code, "graph/input");
    assert.match(message, text);
  }
  executable.dispose();
  const { code } = await refusal(() => executable.run({ x: new Float32Array(3) }));
  assert.is(code, "graph/disposed");
});

test("programs of one executor work in the same arena and do not disturb each other", async () => {
  const executor = await newExecutor();
  const small = await compile(executor, affine(3, 1));
  const first = (await small.run({ x: Float32Array.of(1, 2, 3) })).y as Float32Array;
  // The larger one moves the arena, so that the small one's bytecode has to be rewritten.
  const large = await compile(executor, affine(100_000, -1));
  assert.is((await large.run({ x: new Float32Array(100_000).fill(4) })).y?.[99_999], 7);
  assert.equal([...((await small.run({ x: Float32Array.of(1, 2, 3) })).y as Float32Array)], [3, 5, 7]);
  assert.equal([...first], [3, 5, 7]);
  large.dispose();
  assert.equal([...((await small.run({ x: Float32Array.of(0, 0, 0) })).y as Float32Array)], [1, 1, 1]);
});

test("compiling and disposing a hundred times takes no more memory than once", async () => {
  const executor = await newExecutor();
  const left = async () => {
    const program = await compile(executor, affine(50_000, 1));
    const store = executor.createStore(new Map([["w", 10_000]]));
    const bytes = executor.capabilities.limitBytes;
    program.dispose();
    program.dispose();
    store.dispose();
    return bytes;
  };
  const once = await left();
  for (let turn = 0; turn < 100; turn++) assert.is(await left(), once);
});

test("a store checks names and lengths, returns copies, and starts with zeros", async () => {
  const executor = await newExecutor();
  const store = executor.createStore(
    new Map([
      ["a", 3],
      ["b", 10],
    ]),
  );
  assert.equal([...(await store.read("b"))], new Array(10).fill(0));
  store.write("a", Float32Array.of(1, 2, 3));
  const copy = await store.read("a");
  copy[0] = 9;
  assert.equal([...(await store.read("a"))], [1, 2, 3]);
  assert.throws(() => store.write("a", new Float32Array(4)), /tensor a holds 3 values, got 4/);
  assert.throws(() => store.write("c", new Float32Array(4)), /there is no tensor c/);
  store.dispose();
  assert.match((await refusal(() => store.read("a"))).message, /after dispose/);
});

test("a program needs its stores, and they must be this executor's own kind", async () => {
  const executor = await newExecutor();
  const graph = new GraphBuilder("stored");
  const weight = graph.stored("weights", "w", [2, 3]);
  graph.output("y", linear(graph, graph.input("x", [1, 3]), weight, undefined, "y"));
  const program = planProgram(graph, executor.capabilities);
  assert.match(
    (await refusal(() => executor.compile(program, new Map()))).message,
    /store weights was not given/,
  );
  const foreign = {
    bytes: 0,
    write: () => {},
    read: async () => new Float32Array(6),
    dispose: () => {},
  };
  const stores = new Map([["weights", foreign]]);
  assert.match(
    (await refusal(() => executor.compile(program, stores))).message,
    /belongs to another executor/,
  );
  const unnamed = new Map([["weights", executor.createStore(new Map([["v", 6]]))]]);
  assert.match((await refusal(() => executor.compile(program, unnamed))).message, /there is no tensor w/);
});

test("addresses above 2 GiB are unsigned all the way", async () => {
  const executor = await newExecutor();
  // Never touched, so it takes address space and no memory.
  const low = executor.createStore(new Map([["untouched", 2 ** 29 + 2 ** 24]]));
  assert.ok(executor.capabilities.limitBytes < 2 ** 31);
  const graph = new GraphBuilder("high");
  const weight = graph.stored("weights", "w", [2, 3]);
  graph.output("y", linear(graph, graph.input("x", [1, 3]), weight, undefined, "y"));
  const store = executor.createStore(new Map([["w", 6]]));
  store.write("w", Float32Array.of(1, 2, 3, 4, 5, 6));
  const program = planProgram(graph, executor.capabilities);
  const executable = await executor.compile(program, new Map([["weights", store]]));
  const { y } = await executable.run({ x: Float32Array.of(1, 1, 1) });
  assert.equal([...(y as Float32Array)], [6, 15]);
  low.dispose();
});

test("a program that does not fit 4 GiB is refused before anything is allocated", async () => {
  const executor = await newExecutor();
  const graph = affine(2 ** 20, 0);
  const { limitBytes } = executor.capabilities;
  assert.ok(limitBytes > 2 ** 31 && limitBytes < 2 ** 32);
  assert.throws(
    () => planProgram(graph, { ...executor.capabilities, limitBytes: 2 ** 20 }),
    /needs \d+\.\d MiB, \d+\.\d MiB are left/,
  );
  const { code, message } = await refusal(async () => executor.createStore(new Map([["w", 2 ** 30]])));
  assert.is(code, "device/memory");
  assert.match(message, /limit is 4,096 MiB/);
  assert.is(executor.capabilities.limitBytes, limitBytes);
});

test("a disposed executor refuses to compile or allocate", async () => {
  const executor = await newExecutor();
  await executor.dispose();
  assert.throws(() => executor.createStore(new Map()), /disposed/);
});

test("the calibration reports every register block, chooses the fastest one and runs once per process", async () => {
  const { calibration: table = [] } = await newExecutor();
  assert.ok(table.length >= 4);
  const chosen = table.filter((block) => block.chosen);
  assert.is(chosen.length, 1);
  const [safe, best] = [table[0]?.gigaflops as number, chosen[0]?.gigaflops as number];
  assert.ok(safe > 0);
  assert.is(best, safe === best ? safe : Math.max(...table.map(({ gigaflops }) => gigaflops)));
  assert.is((await newExecutor()).calibration, table);
});

test("attention takes as many tokens as a thread's scratch holds rows of scores, and refuses one more", async () => {
  const executor = await newExecutor();
  const over = (tokens: number) => {
    const graph = new GraphBuilder(`attention over ${tokens}`);
    graph.output("y", attention(graph, graph.input("qkv", [1, tokens, 12]), 1, "attention").out);
    return compile(executor, graph);
  };
  // 512 KiB for four rows of float32.
  (await over(32_768)).dispose();
  const { code, message } = await refusal(() => over(32_769));
  assert.is(code, "device/unsupported");
  assert.match(message, /attention over 32769 tokens: device wasm takes up to 32768/);
  await executor.dispose();
});

test.run();
