// Local steps: ranks that average their weights from time to time end alike, again and again, also where one of them was
// killed or the run was stopped in between.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { freePort } from "../../bin/child-command.js";
import { OuterState, outerStep } from "../../trainer/ranks/local-steps.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { reachStep, startTrainer, type TrainerProcess } from "./trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  model: string;
  expected: Record<string, string>;
}

const test = suite<Context>("local steps");

const STEPS = 22;

function flags({ set, folder, model }: Context, run: string, steps = STEPS): string[] {
  return [
    ...["--data", set.path, "--val", set.path, "--out", join(folder, run), "--device", "wasm"],
    ...["--model", join(model, "config.json"), "--steps", `${steps}`, "--batch-size", "8", "--lr", "0.1"],
    ...["--warmup-epochs", "1", "--seed", "7", "--drop-path", "0.3", "--sync-every", "4"],
    ...["--checkpoint-every", "7", "--workers", "0", "--threads", "1"],
  ];
}

function filesOf({ folder }: Context, run: string): Record<string, string> {
  const files = ["model", "ema", "optimizer", "outer"].map((name) => `${name}.safetensors`);
  return Object.fromEntries(
    files.map((file) => [file, readFileSync(join(folder, run, "last", file)).toString("hex")]),
  );
}

function expectSame(found: Record<string, string>, expected: Record<string, string>): void {
  for (const [file, bytes] of Object.entries(expected)) assert.ok(found[file] === bytes, `${file} differs`);
}

async function finish(trainer: TrainerProcess): Promise<void> {
  assert.is(await trainer.ended, 0, trainer.errors() + trainer.output());
}

test.before(async (context) => {
  context.set = createDataSet(75);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-local-steps-"));
  const labels = ["cat", "dog", "emu"];
  context.model = await writeTinyModel(
    join(context.folder, "sizes"),
    tinyConfig({ distilled: false }),
    labels,
    0,
  );
  await finish(startTrainer([...flags(context, "once"), "--processes", "2"]));
  context.expected = filesOf(context, "once");
});

test.after(({ set, folder }) => {
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("the outer step is torch's SGD with Nesterov momentum", () => {
  const outer = new OuterState(1);
  outer.weights[0] = 1;
  const settings = { outerLr: 0.5, outerMomentum: 0.5 };
  // Δ = 0.5, m = 0.5, 1 − 0.5·(0.5 + 0.5·0.5).
  outerStep(outer, Float32Array.of(0.5), settings);
  assert.equal([outer.weights[0], outer.momentum[0]], [0.625, 0.5]);
  // Δ = 0.125, m = 0.375, 0.625 − 0.5·(0.125 + 0.5·0.375).
  outerStep(outer, Float32Array.of(0.5), settings);
  assert.equal([outer.weights[0], outer.momentum[0]], [0.46875, 0.375]);
});

test("a run that is stopped after a checkpoint and continued is the one that was not", async (context) => {
  await finish(startTrainer([...flags(context, "stopped", 14), "--processes", "2"]));
  assert.is.not(filesOf(context, "stopped")["model.safetensors"], context.expected["model.safetensors"]);
  await finish(startTrainer([...flags(context, "stopped"), "--processes", "2", "--resume"]));
  expectSame(filesOf(context, "stopped"), context.expected);
});

test("a rank that was killed changes nothing: all go on from the last state that they had in common", async (context) => {
  const place = ["--world", "2", "--master", `127.0.0.1:${await freePort()}`, "--wait-for-ranks", "120"];
  const start = (rank: number) => startTrainer([...flags(context, "killed"), "--rank", `${rank}`, ...place]);
  const first = start(0);
  const second = start(1);
  await reachStep(first, join(context.folder, "killed"), 10);
  second.process.kill("SIGKILL");
  await second.ended;
  await Promise.all([finish(first), finish(start(1))]);
  assert.match(first.output(), /2 ranks from step (7|9) on/);
  expectSame(filesOf(context, "killed"), context.expected);
});

test.run();
