// Trainers with faults: a trainer, its servers, or both are killed at random moments and started again. The weights at
// the end are compared, byte for byte, with those of an undisturbed run.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ServerProcess, startServer } from "../data/server-process.js";
import { tinyConfig, writeTinyModel } from "../trainer/tiny-model.js";
import { reachStep, startTrainer } from "../trainer/trainer-process.js";
import type { Chance } from "./chance.js";
import type { Outcome } from "./streams.js";

/** Steps between two faults: more than a checkpoint apart, so that a killed run has gone on. */
const STEPS_PER_FAULT = 8;

const SETTINGS = [
  ...["--batch-size", "4", "--lr", "0.1", "--warmup-epochs", "1", "--seed", "7", "--reprob", "0.5"],
  ...["--repeats", "2", "--drop-path", "0.2", "--ema-decay", "0.9", "--checkpoint-every", "3"],
  ...["--threads", "1", "--data-credit", "0.03"],
];

async function finished(args: readonly string[]): Promise<void> {
  const trainer = startTrainer(args);
  const status = await trainer.ended;
  if (status !== 0) throw new Error(`the trainer ended with ${status}: ${trainer.errors()}`);
}

const weightsOf = (run: string): string[] =>
  ["model", "ema", "optimizer"].map((file) =>
    readFileSync(join(run, "last", `${file}.safetensors`)).toString("base64"),
  );

/** `data`: flags of the training data. `beside`: another fault, at the same time as one of two of the trainer's. */
async function killTrainer(
  data: readonly string[],
  faults: number,
  chance: Chance,
  beside: () => Promise<void>,
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-faults-"));
  const steps = STEPS_PER_FAULT * (faults + 1);
  try {
    const model = await writeTinyModel(join(folder, "sizes"), tinyConfig({ classes: 7 }), [..."abcdefg"], 0);
    const common = ["--model", join(model, "config.json"), "--steps", `${steps}`, ...SETTINGS, ...data];
    const [calm, run] = ["calm", "killed"].map((name) => join(folder, name));
    await finished(["--out", calm, ...common]);
    let args = ["--out", run, ...common];
    for (let fault = 0; fault < faults; fault++) {
      const trainer = startTrainer(args);
      // The row of step 4 follows the first checkpoint.
      await reachStep(trainer, run, STEPS_PER_FAULT * fault + 4 + chance.below(STEPS_PER_FAULT - 4));
      await delay(chance.below(20));
      const mended = fault % 2 === 1 ? beside() : undefined;
      trainer.process.kill("SIGKILL");
      await trainer.ended;
      await mended;
      args = ["--out", run, "--resume", ...data];
    }
    await finished(args);
    const [expected, found] = [weightsOf(calm), weightsOf(run)];
    return { faults, compared: steps, equal: expected.every((bytes, i) => bytes === found[i]) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The trainer makes its batches itself. */
export const killTrainerWithData = (path: string, faults: number, chance: Chance): Promise<Outcome> =>
  killTrainer(["--data", path, "--workers", "1"], faults, chance, async () => {});

/** Two servers, of which one dies with every second of the trainer's deaths. */
export async function killTrainerAndServer(path: string, faults: number, chance: Chance): Promise<Outcome> {
  const servers: ServerProcess[] = [await startServer(path), await startServer(path)];
  const list = servers.map(({ address }) => address).join(",");
  try {
    return await killTrainer(["--data-server", list], faults, chance, async () => {
      const victim = chance.below(2);
      const { address } = servers[victim];
      await servers[victim].stop("SIGKILL");
      servers[victim] = await startServer(path, "--listen", address);
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop("SIGKILL")));
  }
}
