// RegNetY as the teacher: it gets the student's pixels, its logits are in the student's class order, and a run learns.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import type { RegnetyConfig } from "../../runtime/models/regnety/config.js";
import { openTeacher } from "../../trainer/teacher.js";
import { runVitrine, type ServerProcess, startServer } from "../data/server-process.js";
import { createDataSet, type SyntheticDataSet } from "../data/synthetic-data-set.js";
import { SYNTHETIC_REGNETY, writeRegnetyFolder } from "../models/synthetic-regnety.js";
import { Random } from "../nn/random.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { readMetrics } from "./trainer-process.js";

interface Context {
  set: SyntheticDataSet;
  folder: string;
  teacher: string;
  server: ServerProcess;
}

const CONVNET: RegnetyConfig = { ...SYNTHETIC_REGNETY, classes: 3 };

const test = suite<Context>("RegNetY teacher");

test.before(async (context) => {
  context.set = createDataSet(24);
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-teacher-"));
  context.teacher = writeRegnetyFolder(join(context.folder, "convnet"), CONVNET, ["emu", "cat", "dog"]);
  context.server = await startServer(context.set.path);
});

test.after(async ({ set, folder, server }) => {
  await server.stop("SIGKILL");
  set.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("its logits are the model's own, in the student's order of classes", async ({ teacher: path }) => {
  const runtime = await createRuntime({ host: nodeHost() });
  const teacher = await openTeacher(runtime, {
    path,
    batchSize: 4,
    labels: ["cat", "dog", "emu"],
    imageSize: 32,
  });
  const model = await loadModel(runtime, nodeModelSource(path), { batchSizes: [4] });
  const random = new Random(9);
  const pixels = Uint8Array.from({ length: 4 * 32 * 32 * 3 }, () => random.between(0, 255));
  const { logits } = await model.logits(pixels, 4);
  const ordered = Array.from(logits, (_, i) => logits[i - (i % 3) + ([1, 2, 0][i % 3] as number)]);
  assert.equal(Array.from(await teacher.logits(pixels, 4)), ordered);
  assert.match(teacher.sha256, /^[0-9a-f]{64}$/);
  teacher.dispose();
  model.dispose();
  await runtime.dispose();
});

for (const distillation of ["hard", "soft"])
  test(`a student learns from it by ${distillation} distillation`, async ({ folder, server, teacher }) => {
    const student = await writeTinyModel(join(folder, "student"), tinyConfig(), ["cat", "dog", "emu"], 1);
    const out = join(folder, distillation);
    const { status, errors } = await runVitrine([
      ...["train", "--data-server", server.address, "--out", out, "--steps", "3", "--batch-size", "8"],
      ...["--model", join(student, "config.json"), "--teacher", teacher, "--distillation", distillation],
    ]);
    assert.is(status, 0, errors);
    const state = JSON.parse(readFileSync(join(out, "last", "state.json"), "utf8"));
    assert.is(state.step, 3);
    assert.match(JSON.stringify(state.teacher), /[0-9a-f]{64}/);
  });

for (const [name, flags] of [
  ["soft, by the paper's scale,", ["--distillation", "soft", "--soft-scale", "paper", "--tau", "3"]],
  ["hard", ["--distillation", "hard"]],
] as const)
  test(`a student without the token learns by ${name} distillation with its class head, which is said`, async ({
    folder,
    server,
    teacher,
  }) => {
    const config = tinyConfig({ distilled: false });
    const student = await writeTinyModel(join(folder, "plain"), config, ["cat", "dog", "emu"], 1);
    const out = join(folder, `plain-${flags[1]}`);
    const { status, output, errors } = await runVitrine([
      ...["train", "--data-server", server.address, "--out", out, "--steps", "2", "--batch-size", "8"],
      ...["--model", join(student, "config.json"), "--teacher", teacher, ...flags, "--no-report"],
    ]);
    assert.is(status, 0, errors);
    const words = output.replaceAll(/\s+/g, " ");
    assert.match(words, / note the model has no distillation token: its class head learns from the labels /);
    const scale = flags[1] === "soft" ? "paper" : "main";
    assert.match(readFileSync(join(out, "config.yaml"), "utf8"), new RegExp(`^soft-scale: ${scale}$`, "m"));
    const [row] = readMetrics(out);
    assert.ok(Number(row?.base_loss) > 0 && Number(row?.distillation_loss) > 0);
  });

test.run();
