// Threads of the wasm executor: no bit depends on them, no run hangs, and a thread that dies is an error, not a hang.

import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import type { Executor } from "../../runtime/executors/executor.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { linear } from "../../runtime/graph/operations/linear.js";
import { scaledSum } from "../../runtime/graph/operations/sums.js";
import { planProgram } from "../../runtime/graph/planner.js";
import type { Host, HostWorker } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { createInference } from "../../runtime/inference/program.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { assertSameBits } from "../nn/compare.js";
import { MICRO, randomPixels, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";

const THREADS = [1, 2, 3];
/** More tokens than a block of attention; widths that are multiples of neither a vector nor a panel. */
const WIDER = { ...MICRO, imageSize: 48, dim: 42, mlpDim: 90, classes: 21 };

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isVitrineError(error)) return error.code;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** y = 2x + x for x [n]. */
async function doubler(executor: Executor, length: number) {
  const graph = new GraphBuilder(`doubler ${length}`);
  const x = graph.input("x", [length]);
  graph.output("y", scaledSum(graph, x, x, { alpha: 2, beta: 1 }, "y"));
  return executor.compile(planProgram(graph, executor.capabilities), new Map());
}

/** A product of about a second on one thread. */
async function longProduct(executor: Executor) {
  const graph = new GraphBuilder("long product");
  const x = graph.input("x", [2048, 2048]);
  const weight = graph.input("weight", [4096, 2048]);
  graph.output("y", linear(graph, x, weight, undefined, "y"));
  const executable = await executor.compile(planProgram(graph, executor.capabilities), new Map());
  const inputs = { x: new Float32Array(2048 * 2048), weight: new Float32Array(4096 * 2048) };
  return { executable, inputs };
}

/** Node's host, and the threads that it started. */
function watchedHost(): { host: Host; workers: HostWorker[] } {
  const host = nodeHost();
  const workers: HostWorker[] = [];
  const spawnWorker = (entry: string): HostWorker => {
    const worker = host.spawnWorker?.(entry) as HostWorker;
    workers.push(worker);
    return worker;
  };
  return { host: { ...host, spawnWorker }, workers };
}

async function trained(threads: number, relaxed: boolean, background = false): Promise<TensorMap[]> {
  const executor = await createWasmExecutor(nodeHost(), { relaxed, threads, background });
  const results: TensorMap[] = [];
  for (const config of [MICRO, WIDER]) {
    const training = await createTraining(
      executor,
      trainingOptions({ config, distillation: "soft", weights: randomWeights(config, 1) }),
    );
    for (let step = 1; step <= 3; step++) {
      const inputs = trainingInputs(config, 4, 10 * step);
      await training.accumulate({ ...inputs, branchScales: undefined });
      await training.apply({ ...STEP, step, clipNorm: 1 });
    }
    results.push(await training.read("weights"));
    training.dispose();
  }
  await executor.dispose();
  return results;
}

for (const relaxed of nodeHost().enableRelaxedSimd() ? [false, true] : [false]) {
  const build = relaxed ? "relaxed" : "plain";
  test(`${build}: training ends with the same bytes on 1, 2 and 3 threads and on one in the background`, async () => {
    const [alone, ...others] = await Promise.all([
      ...THREADS.map((threads) => trained(threads, relaxed)),
      trained(1, relaxed, true),
    ]);
    for (const weights of others) {
      for (const [i, want] of (alone as TensorMap[]).entries()) {
        for (const [name, { data }] of want)
          assertSameBits(
            (weights[i] as TensorMap).get(name)?.data as Float32Array,
            data as Float32Array,
            name,
          );
      }
    }
  });

  test(`${build}: logits are the same bytes on 1, 2 and 3 threads`, async () => {
    const results: Float32Array[] = [];
    for (const threads of THREADS) {
      const executor = await createWasmExecutor(nodeHost(), { relaxed, threads });
      const weights = randomWeights(WIDER, 5);
      const inference = await createInference(executor, WIDER, weights, { batchSizes: [1, 3] });
      for (const batch of [1, 3])
        results.push((await inference.logits(randomPixels(WIDER, batch, 6), batch)).logits);
      await executor.dispose();
    }
    for (let i = 2; i < results.length; i++) assertSameBits(results[i], results[i % 2], `logits ${i}`);
  });
}

test("two thousand tiny runs end, sequentially and all at once", async () => {
  const executor = await createWasmExecutor(nodeHost(), { threads: 3 });
  const executables = await Promise.all([1, 5, 700].map((length) => doubler(executor, length)));
  const run = async (i: number) => {
    const length = [1, 5, 700][i % 3] as number;
    const { y } = (await executables[i % 3]?.run({ x: new Float32Array(length).fill(i) })) ?? {};
    assert.is(y?.length, length);
    assert.ok(y?.every((value) => value === 3 * i));
  };
  for (let i = 0; i < 1000; i++) await run(i);
  await Promise.all(Array.from({ length: 1000 }, (_, i) => run(i)));
  await executor.dispose();
});

test("a run ends while another process keeps a core busy", async () => {
  const busy = spawn(process.execPath, ["-e", "setTimeout(() => process.exit(), 20000); for (;;);"]);
  try {
    const executor = await createWasmExecutor(nodeHost(), { threads: 2 });
    const executable = await doubler(executor, 100_000);
    for (let i = 0; i < 50; i++) await executable.run({ x: new Float32Array(100_000).fill(i) });
    await executor.dispose();
  } finally {
    busy.kill("SIGKILL");
  }
});

test("programs can be compiled, read and disposed of during runs of others", async () => {
  const executor = await createWasmExecutor(nodeHost(), { threads: 2 });
  const store = executor.createStore(new Map([["a", 4]]));
  store.write("a", Float32Array.of(1, 2, 3, 4));
  const first = await doubler(executor, 200_000);
  const runs = [first.run({ x: new Float32Array(200_000).fill(7) })];
  // Larger: the arena moves.
  const second = await doubler(executor, 3_000_000);
  runs.push(second.run({ x: new Float32Array(3_000_000).fill(7) }));
  runs.push(first.run({ x: new Float32Array(200_000).fill(7) }));
  first.dispose();
  const reads = await Promise.all([store.read("a"), ...runs]);
  assert.equal([...reads[0]], [1, 2, 3, 4]);
  for (const result of await Promise.all(runs)) assert.ok(result.y?.every((value) => value === 21));
  await executor.dispose();
});

test("in the background even one thread leaves the event loop free, and computes the same bytes", async () => {
  const executor = await createWasmExecutor(nodeHost(), { threads: 1, background: true });
  assert.match(executor.description, /one thread/);
  const { executable, inputs } = await longProduct(executor);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  await executable.run(inputs);
  clearInterval(timer);
  assert.ok(ticks > 5, `${ticks} ticks during the run`);
  await executor.dispose();
  const alone = { ...nodeHost(), spawnWorker: undefined } as Host;
  const inPlace = await createWasmExecutor(alone, { threads: 1, background: true });
  assert.match(inPlace.description, /one thread/, "a host without threads computes in place");
  await inPlace.dispose();
});

test("idle threads use no CPU time", async () => {
  const executor = await createWasmExecutor(nodeHost(), { threads: 3 });
  const executable = await doubler(executor, 1000);
  await executable.run({ x: new Float32Array(1000) });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { user, system } = process.cpuUsage(before);
  // Three threads that spun instead of sleeping would use at least a core.
  assert.ok(user + system < 200_000, `${user + system} µs in a second`);
  await executor.dispose();
});

test("a thread that is killed mid-run fails the run and all later ones", async () => {
  const { host, workers } = watchedHost();
  const executor = await createWasmExecutor(host, { threads: 2 });
  const { executable, inputs } = await longProduct(executor);
  const code = codeOf(() => executable.run(inputs));
  setTimeout(() => void workers[1]?.terminate(), 20);
  assert.is(await code, "device/thread");
  assert.is(await codeOf(() => executable.run(inputs)), "device/thread");
  await executor.dispose();
});

test("a trap in a thread fails the run", async () => {
  const { host, workers } = watchedHost();
  const faultyHost: Host = {
    ...host,
    // A thread whose control block is outside the memory traps in its first step.
    spawnWorker: (entry) => {
      const worker = host.spawnWorker?.(entry) as HostWorker;
      const post = (message: unknown) =>
        worker.post(workers.length === 2 ? { ...(message as object), control: 2 ** 32 - 64 } : message);
      return { ...worker, post };
    },
  };
  const code = await codeOf(async () => {
    const executor = await createWasmExecutor(faultyHost, { threads: 2 });
    const executable = await doubler(executor, 1000);
    await executable.run({ x: new Float32Array(1000) });
    // The other thread may do all of this run alone; the next run is certainly refused.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await executable.run({ x: new Float32Array(1000) });
  });
  assert.is(code, "device/thread");
});

test("disposing of the executor ends a run in progress with an error", async () => {
  const executor = await createWasmExecutor(nodeHost(), { threads: 2 });
  const { executable, inputs } = await longProduct(executor);
  let ended = false;
  const code = codeOf(() => executable.run(inputs)).finally(() => {
    ended = true;
  });
  // The product takes half a second on two threads: after 50 ms they are inside it.
  await delay(50);
  assert.is(ended, false);
  await executor.dispose();
  assert.is(await Promise.race([code, delay(5000, "the run never ended")]), "device/disposed");
});

test("threads compute at addresses above 2 GiB", async () => {
  const executor = await createWasmExecutor(nodeHost(), { threads: 2 });
  executor.createStore(new Map([["ballast", 2 ** 29 + 1000]]));
  const executable = await doubler(executor, 5000);
  const { y } = await executable.run({ x: new Float32Array(5000).fill(3) });
  assert.ok(y?.every((value) => value === 9));
  await executor.dispose();
});

test("an executor that was not disposed does not keep the process alive, a run does", async () => {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { createWasmExecutor } from ${at("../../runtime/executors/wasm/executor.js")};
    import { nodeHost } from ${at("../../runtime/host/node.js")};
    import { createInference } from ${at("../../runtime/inference/program.js")};
    import { MICRO, randomPixels, randomWeights } from ${at("./micro-deit.js")};
    const executor = await createWasmExecutor(nodeHost(), { threads: 2 });
    const inference = await createInference(executor, MICRO, randomWeights(MICRO, 1), { batchSizes: [1] });
    inference.logits(randomPixels(MICRO, 1, 2), 1).then(({ logits }) => console.log("logits", logits.length));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 15_000,
  });
  let said = "";
  child.stdout.on("data", (text) => {
    said += text;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.is(code, 0);
  assert.match(said, /^logits \d+\n$/);
});

test("an impossible number of threads is refused; auto takes the cores of the host", async () => {
  const { spawnWorker: _, ...alone } = nodeHost();
  assert.is(await codeOf(() => createWasmExecutor(alone, { threads: 2 })), "device/threads");
  for (const threads of [0, 1.5, -1, 1000])
    assert.is(await codeOf(() => createWasmExecutor(nodeHost(), { threads })), "device/threads");
  assert.match((await createWasmExecutor(alone, { threads: "auto" })).description, /one thread/);
  const four = await createWasmExecutor({ ...nodeHost(), cores: () => 4 }, { threads: "auto" });
  assert.match(four.description, /4 threads/);
  await four.dispose();
});

test.run();
