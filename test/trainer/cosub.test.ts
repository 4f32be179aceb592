// Cosub in the trainer: a run draws the branches of both computations, and one that is resumed ends with the same bytes.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { train } from "../../trainer/core/loop.js";
import { prepareStep } from "../../trainer/core/objective.js";
import { prepareRun } from "../../trainer/prepare.js";
import { FakeSource, silentProgress } from "./fake-run.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";

const test = suite<{ folder: string; model: string }>("cosub");

test.before(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-cosub-"));
  const config = tinyConfig({ distilled: false });
  context.model = await writeTinyModel(join(context.folder, "model"), config, ["a", "b", "c"], 1);
});

test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

type Flags = readonly (readonly [string, string | number | boolean])[];

function prepared(out: string, flags: Flags, resume = false) {
  const request = { out, resume, given: new Map(flags), validation: null, checkpointEvery: 100 };
  return prepareRun({
    request: { ...request, device: "wasm", gpuTier: null, threads: 1 },
    sources: {
      openRuntime: (choice) => createRuntime({ ...choice, host: nodeHost(), trains: true }),
      connect: async () => new FakeSource(),
      openValidation: () => assert.unreachable() as never,
    },
    progress: silentProgress(),
    interruption: new AbortController().signal,
  });
}

async function trained(out: string, flags: Flags, resume = false): Promise<Buffer> {
  const { run, close } = await prepared(out, flags, resume);
  await train(run);
  await close();
  return readFileSync(join(out, "last", "model.safetensors"));
}

const flagsOf = (model: string, ...more: Flags): Flags => [
  ["--model", join(model, "config.json")],
  ["--cosub", true],
  ["--bce-loss", true],
  ["--smoothing", 0],
  ["--drop-path", 0.5],
  ["--batch-size", 4],
  ["--lr", 0.1],
  ["--warmup-epochs", 0],
  ...more,
];

test("both computations of a batch have branches of their own", async ({ folder, model }) => {
  const { run, close } = await prepared(join(folder, "draws"), flagsOf(model, ["--steps", 1]));
  const { value: batch } = await new FakeSource().batches({ epoch: 0, batch: 0 }).next();
  const { branchScales, targets, sampleWeights } = (await prepareStep(batch, run.objective)).inputs;
  const scales = branchScales as Float32Array;
  assert.equal([scales.length, targets.length, sampleWeights.length], [3 * 2 * 8, 4 * 3, 4]);
  const half = (first: number) => scales.filter((_, place) => place % 8 >= first && place % 8 < first + 4);
  assert.not.equal(half(0), half(4));
  await close();
});

test("a resumed run ends with the bytes of an uninterrupted one; without --cosub they are others", async ({
  folder,
  model,
}) => {
  const whole = await trained(join(folder, "whole"), flagsOf(model, ["--steps", 4]));
  const cut = join(folder, "cut");
  await trained(cut, flagsOf(model, ["--steps", 2]));
  // In a run of one epoch, its length changes no rate.
  assert.ok((await trained(cut, [["--steps", 4]], true)).equals(whole));
  const flags = flagsOf(model, ["--steps", 4]).filter(([flag]) => flag !== "--cosub");
  assert.not.ok((await trained(join(folder, "plain"), flags)).equals(whole));
});

test("a teacher, or no stochastic depth, is refused", async ({ folder, model }) => {
  const refusal = async (...more: Flags) => {
    const flags = new Map([...flagsOf(model, ["--steps", 1]), ...more]);
    try {
      await prepared(join(folder, "refused"), [...flags]);
    } catch (error) {
      if (isVitrineError(error)) return `${error.code}: ${error.message}`;
      throw error;
    }
    return assert.unreachable() as never;
  };
  const teacher = ["--teacher", model] as const;
  assert.match(await refusal(teacher, ["--distillation", "hard"]), /usage\/training: --cosub .*--teacher/);
  assert.match(await refusal(["--drop-path", 0]), /usage\/training: --cosub .*--drop-path/);
});

test.run();
