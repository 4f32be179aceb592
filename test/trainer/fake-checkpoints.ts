// Fake checkpoints: the files of a fake run, to compare with another run's and to resume from.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DrawMath } from "../../runtime/draw/random.js";
import { floatTensors, readSafetensors } from "../../runtime/weights/safetensors.js";
import { lastCheckpoint, loadState } from "../../trainer/checkpoint/load.js";
import { restoreTraining } from "../../trainer/core/checkpoint-files.js";
import { type FakeRun, FakeTraining, fakeRun } from "./fake-run.js";

/** `last/state.json` → its bytes in base64, for every file of all checkpoints. */
export function checkpointFiles(folder: string): Record<string, string> {
  const top = existsSync(join(folder, "top")) ? readdirSync(join(folder, "top")) : [];
  const paths = ["last", "best", ...top.map((name) => join("top", name))].flatMap((name) =>
    readdirSync(join(folder, name)).map((file) => join(name, file)),
  );
  return Object.fromEntries(
    paths.sort().map((path) => [path, readFileSync(join(folder, path)).toString("base64")]),
  );
}

/** resumeRun for the fake training. */
export async function resumed(
  folder: string,
  math: DrawMath,
  changes: Partial<FakeRun> = {},
): Promise<FakeRun> {
  const state = await loadState(folder);
  const training = new FakeTraining();
  const bytes = readFileSync(join(folder, "last", "model.safetensors"));
  training.write("weights", floatTensors(readSafetensors(bytes, "last")));
  await restoreTraining(lastCheckpoint(folder), training, state);
  return fakeRun(folder, math, { settings: state.settings, state, training, ...changes });
}
