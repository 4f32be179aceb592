// Ranked run: a small run with everything on that ranks might compute differently (a teacher, an average, mixing,
// stochastic depth, clipping), started as a user starts it, and what it ends with.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeitConfig } from "../../runtime/models/deit/config.js";
import { createDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "./tiny-model.js";
import { startTrainer } from "./trainer-process.js";

/** Of a batch; a world of 1, 2 or 4 ranks divides them. */
export const PIECES = 4;

export interface RankedRun {
  /** Of all runs that are compared. */
  readonly folder: string;
  /** Flags of the run NAME; an epoch has 9 steps. */
  flags(name: string, steps: number): string[];
  /** SHA-256 of the tensor files of NAME/last. */
  digests(name: string): Record<string, string>;
  /** Trains NAME in one process to its end. */
  trainAlone(name: string, steps: number): Promise<void>;
  remove(): void;
}

const TENSOR_FILES = ["model.safetensors", "ema.safetensors", "optimizer.safetensors"];

/** `larger`: sizes of the model, other than those of the tiny one. */
export async function createRankedRun(larger: Partial<DeitConfig> = {}): Promise<RankedRun> {
  const set = createDataSet(75);
  const folder = mkdtempSync(join(tmpdir(), "vitrine-ranks-"));
  const labels = ["cat", "dog", "emu"];
  const sizes = { ...larger, classes: labels.length };
  const model = await writeTinyModel(join(folder, "sizes"), tinyConfig(sizes), labels, 0);
  const teacherConfig = tinyConfig({ ...sizes, distilled: false });
  const teacher = await writeTinyModel(join(folder, "teacher"), teacherConfig, labels, 3);
  const flags = (name: string, steps: number): string[] => [
    ...["--data", set.path, "--val", set.path, "--out", join(folder, name)],
    ...["--model", join(model, "config.json"), "--teacher", teacher, "--distillation", "hard"],
    ...["--steps", `${steps}`, "--batch-size", "8", "--pieces", `${PIECES}`, "--lr", "0.1"],
    ...["--warmup-epochs", "1", "--seed", "7", "--drop-path", "0.3", "--clip-grad", "0.5"],
    ...["--checkpoint-every", "5", "--workers", "0", "--threads", "1", "--device", "wasm"],
  ];
  return {
    folder,
    flags,
    digests(name) {
      const digestOf = (file: string): string =>
        createHash("sha256")
          .update(readFileSync(join(folder, name, "last", file)))
          .digest("hex");
      return Object.fromEntries(TENSOR_FILES.map((file) => [file, digestOf(file)]));
    },
    async trainAlone(name, steps) {
      const trainer = startTrainer(flags(name, steps));
      const status = await trainer.ended;
      if (status !== 0) throw new Error(`the trainer ended with ${status}: ${trainer.errors()}`);
    },
    remove() {
      set.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
