// Reloads with real models on wasm: requests in flight are answered while models are loaded again, replaced and
// unloaded, and what they took is given back.

import { cpSync, mkdirSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { versionOpener } from "../../bin/serve/open-version.js";
import { startInThread } from "../../bin/serve/start-in-thread.js";
import { connectInference } from "../../client/node/inference-client.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost } from "../../runtime/host/node.js";
import { DeviceTurns } from "../../server/inference/engine/device-turns.js";
import { type InferenceServer, startInferenceServer } from "../../server/inference/inference-server.js";
import { createRepository, type LiveRepository } from "../../server/inference/repository/live-repository.js";
import { MemoryBudget } from "../../server/inference/repository/memory-budget.js";
import { modelRepositoryFolder } from "../../server/inference/repository/model-origin.js";
import { DEFAULT_SETTINGS } from "../../server/inference/repository/model-settings.js";
import { DEFAULT_LIMITS } from "../../server/inference/server-options.js";
import { makeTinyModel, SLOW, TINY } from "../inference/tiny-model.js";
import { PATIENT, repositoryFolder } from "./model-folder.js";

const tiny = makeTinyModel();
const slow = makeTinyModel(SLOW);
test.after(() => {
  tiny.remove();
  slow.remove();
});

const backgroundRuntime = () =>
  createRuntime({ host: nodeHost(), device: "wasm", threads: 1, background: true });

interface Running {
  server: InferenceServer;
  repository: LiveRepository;
  memory: MemoryBudget;
  folder: ReturnType<typeof repositoryFolder>;
  /** Copies a model to MODEL/VERSION/. */
  put(model: string, version: string, from?: string): void;
  end(): Promise<void>;
}

async function start(models: [model: string, version: string][], limitBytes = 2 ** 31): Promise<Running> {
  const folder = repositoryFolder();
  const put = (model: string, version: string, from = tiny.folder) => {
    mkdirSync(join(folder.path, model), { recursive: true });
    cpSync(from, join(folder.path, model, version), { recursive: true });
  };
  for (const [model, version] of models) put(model, version);
  const memory = new MemoryBudget(limitBytes);
  const turns = new DeviceTurns();
  const repository = createRepository({
    origin: modelRepositoryFolder(folder.path),
    open: versionOpener({
      start: async (path, _dtype, batchSizes) =>
        startInThread(await backgroundRuntime(), path, { batchSizes }),
      engine: () => ({ turns }),
      limits: { ...DEFAULT_LIMITS, maxBatch: 2, maxQueue: 1_000 },
      memory,
      say: () => {},
    }),
    control: "explicit",
    initial: models.map(([model]) => model).filter((model, place, all) => all.indexOf(model) === place),
  });
  const server = await startInferenceServer({ models: repository, listen: "127.0.0.1:0", version: "1" });
  await server.loaded;
  const end = async () => {
    await server.drain();
    folder.remove();
  };
  return { server, repository, memory, folder, put, end };
}

const PIXELS = new Uint8Array(TINY.imageSize ** 2 * 3).fill(90);

/** Keeps `count` requests in flight until `stop`; resolves to what became of them. */
function load(server: InferenceServer, model: string, count: number) {
  const client = connectInference(server.address, { model, deadlineMs: 60_000 });
  const outcomes = new Map<string, number>();
  let running = true;
  const one = async (): Promise<string> => {
    const shape = [1, TINY.imageSize, TINY.imageSize, 3];
    return client
      .infer([{ name: "pixels", datatype: "UINT8", shape, data: PIXELS }], { outputs: ["logits"] })
      .then(
        () => "answered",
        (error) => `${error.code}: ${error.message}`,
      );
  };
  const loops = Array.from({ length: count }, async () => {
    while (running) {
      const outcome = await one();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  });
  return async () => {
    running = false;
    await Promise.all(loops);
    client.close();
    return outcomes;
  };
}

function onlyAnswers(outcomes: ReadonlyMap<string, number>, atLeast: number): void {
  assert.equal([...outcomes.keys()], ["answered"]);
  assert.ok((outcomes.get("answered") ?? 0) >= atLeast, `${outcomes.get("answered")} answers`);
}

test("20 reloads and a swap of versions under 200 requests in flight: every request is answered", async () => {
  const { server, repository, folder, put, end } = await start([["a", "1"]]);
  const stop = load(server, "a", 200);
  await delay(100);
  for (let reload = 1; reload <= 20; reload++) {
    // As if it had been written again.
    utimesSync(join(folder.path, "a", "1", "config.json"), reload, reload);
    await repository.load("a", PATIENT);
  }
  put("a", "2");
  await repository.load("a", PATIENT);
  assert.equal(repository.versions("a"), ["2"]);
  await delay(100);
  onlyAnswers(await stop(), 200);
  await end();
});

test("two models share the device; one is unloaded and loaded again while the other answers", async () => {
  const { server, repository, end } = await start([
    ["a", "1"],
    ["b", "1"],
  ]);
  const stop = load(server, "a", 8);
  const other = connectInference(server.address, { model: "b" });
  const shape = [1, TINY.imageSize, TINY.imageSize, 3];
  const ask = () => other.infer([{ name: "pixels", datatype: "UINT8", shape, data: PIXELS }]);
  assert.ok(await ask());
  await repository.unload("b", PATIENT);
  const refused = await ask().then(
    () => "answered",
    (error) => error.code,
  );
  assert.is(refused, "network/model-not-ready");
  await repository.load("b", PATIENT);
  assert.ok(await ask());
  other.close();
  onlyAnswers(await stop(), 8);
  await end();
});

test("what a model took is given back when it is unloaded, and one that does not fit is refused with the numbers", async () => {
  const { repository, memory, put, end } = await start([["a", "1"]], 60 * 2 ** 20);
  const small = memory.usedBytes;
  assert.ok(small > 0 && small < 20 * 2 ** 20, `${small} bytes`);
  put("b", "1", slow.folder);
  const error = await repository.load("b", PATIENT).then(
    () => assert.unreachable("it was loaded"),
    (refusal) => refusal,
  );
  assert.is(error.code, "model/memory");
  assert.match(
    error.message,
    /model b, version 1 takes [\d.]+ MiB to load; other models take [\d.]+ (KiB|MiB); allowed: 60\.0 MiB/,
  );
  assert.is(memory.usedBytes, small, "a refused model holds nothing");
  await repository.unload("a", PATIENT);
  assert.is(memory.usedBytes, 0);
  await end();
});

test("a model on a GPU counts against the machine's memory only while it is loaded", async () => {
  const memory = new MemoryBudget(2 ** 31);
  const held: number[] = [];
  const open = versionOpener({
    start: async (path, _dtype, batchSizes) => {
      held.push(memory.usedBytes);
      const started = await startInThread(await backgroundRuntime(), path, { batchSizes });
      const executor = Object.create(started.runtime.executor, { device: { value: "webgpu" } });
      return { ...started, runtime: { ...started.runtime, executor } };
    },
    engine: () => ({}),
    limits: { ...DEFAULT_LIMITS, maxBatch: 1 },
    memory,
    say: () => {},
  });
  const weightBytes = 1_000_000;
  const found = { version: "1", path: tiny.folder, stamp: "", missing: null, weightBytes };
  const engine = await open({ ...found, name: "a", settings: DEFAULT_SETTINGS });
  assert.equal([...held, memory.usedBytes], [3 * weightBytes, 0]);
  await engine.close();
});

test("the memory of the process does not grow with reloads", async () => {
  const { repository, folder, end } = await start([["a", "1"]]);
  const reload = async (stamp: number) => {
    utimesSync(join(folder.path, "a", "1", "config.json"), stamp, stamp);
    await repository.load("a", PATIENT);
    await delay(300);
  };
  for (let i = 1; i <= 4; i++) await reload(i);
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  for (let i = 5; i <= 12; i++) await reload(i);
  globalThis.gc?.();
  const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
  // Each reload without freeing would keep the memory of an executor, some 20 MiB with its threads.
  assert.ok(grown < 80, `${grown.toFixed(0)} MiB more`);
  rmSync(folder.path, { recursive: true, force: true });
  await end();
});

test.run();
