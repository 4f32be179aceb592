// Fake run: a training of four numbers and a source of computed bytes, for claims about the loop itself. Every number
// depends on all earlier steps, which reveals a step that is repeated, skipped or out of order.

import { writeFile } from "node:fs/promises";
import type { Batch, BatchSource, Cursor, EvaluationSource } from "../../runtime/batches/batch-source.js";
import type { DrawMath } from "../../runtime/draw/random.js";
import { finished } from "../../runtime/executors/pipelined.js";
import type {
  OptimizerStep,
  Training,
  TrainingInputs,
  TrainingState,
} from "../../runtime/training/contract.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { DISK, type DurableFiles } from "../../trainer/checkpoint/commit-folder.js";
import { WHOLE_BATCH } from "../../trainer/core/batch-share.js";
import type { Progress } from "../../trainer/core/progress-report.js";
import { createSchedule } from "../../trainer/core/schedule.js";
import { DEIT_SETTINGS, type TrainerSettings } from "../../trainer/core/settings.js";
import { type RunState, STATE_FORMAT } from "../../trainer/core/state.js";
import { type FolderRun, folderRecord } from "../../trainer/folder-record.js";
import { tinyConfig } from "./tiny-model.js";

export class FakeTraining implements Training {
  readonly bytes = 0;
  readonly batchesTracked = 0;
  readonly states: Record<TrainingState, Float32Array>;
  #gradient = new Float32Array(4);
  readonly steps: OptimizerStep[] = [];
  readonly inputs: TrainingInputs[] = [];
  /** Steps, counted from 1, whose loss or gradient is not finite. */
  readonly corruptAt = { loss: 0, gradient: 0 };

  constructor() {
    const tensor = (start: number) => Float32Array.from({ length: 4 }, (_, i) => start + i);
    this.states = { weights: tensor(1), ema: tensor(1), firstMoment: tensor(0), secondMoment: tensor(0) };
  }

  async accumulate(inputs: TrainingInputs): Promise<{ loss: number }> {
    this.inputs.push(inputs);
    const sum = inputs.pixels.reduce((total, byte, i) => total + byte * ((i % 7) + 1), 0) % 97;
    this.#gradient = this.states.weights.map((weight, i) => weight * 0.01 + sum + i);
    return { loss: this.corruptAt.loss === this.steps.length + 1 ? Number.NaN : 5 + sum / 97 };
  }

  async apply(step: OptimizerStep): Promise<{ gradientNorm: number; applied: boolean }> {
    if (this.corruptAt.gradient === this.steps.length + 1)
      return { gradientNorm: Number.POSITIVE_INFINITY, applied: false };
    this.steps.push(step);
    const { weights, ema, firstMoment, secondMoment } = this.states;
    for (let i = 0; i < 4; i++) {
      firstMoment[i] = 0.9 * firstMoment[i] + this.#gradient[i];
      secondMoment[i] = secondMoment[i] + step.step;
      weights[i] = weights[i] - step.learningRate * firstMoment[i];
      ema[i] = 0.5 * ema[i] + 0.5 * weights[i];
    }
    return { gradientNorm: 1, applied: true };
  }

  async evaluate(_pixels: Uint8Array, count: number, state: "weights" | "ema") {
    const logits = new Float32Array(count * 3).map(
      (_, i) => (this.states[state][i % 3] as number) * ((i % 5) - 2),
    );
    return { classLogits: logits, logits };
  }

  async submitEvaluation(pixels: Uint8Array, count: number, state: "weights" | "ema") {
    return finished(await this.evaluate(pixels, count, state));
  }

  async gradients(): Promise<TensorMap> {
    return new Map([["w", { shape: [4], data: this.#gradient }]]);
  }

  async read(state: TrainingState): Promise<TensorMap> {
    return new Map([["w", { shape: [4], data: this.states[state].slice() }]]);
  }

  write(state: TrainingState, tensors: TensorMap): void {
    this.states[state].set(tensors.get("w")?.data as Float32Array);
  }

  dispose(): void {}
}

/** Bytes and labels that are a function of the cursor. `before` is called with each cursor before its batch. */
export class FakeSource implements BatchSource {
  readonly description = {
    fingerprint: "f".repeat(64),
    samples: 21,
    classes: ["a", "b", "c"],
    instance: "1",
  };
  readonly batchesPerEpoch = 5;

  readonly #before: (cursor: Cursor) => Promise<void> | void;

  constructor(before: (cursor: Cursor) => Promise<void> | void = () => {}) {
    this.#before = before;
  }

  async *batches(from: Cursor): AsyncGenerator<Batch> {
    for (let place = from.epoch * 5 + from.batch; ; place++) {
      const cursor = { epoch: Math.floor(place / 5), batch: place % 5 };
      await this.#before(cursor);
      const pixels = Uint8Array.from({ length: 4 * 32 * 32 * 3 }, (_, i) => (place * 31 + i * 7) & 255);
      const labels = Int32Array.from([0, 1, 2, place % 3]);
      const lambdas = new Float64Array(4).fill(1);
      const weights = new Float32Array(4).fill(1);
      yield {
        cursor,
        count: 4,
        size: 32,
        pixels,
        labels,
        partnerLabels: labels,
        lambdas,
        weights,
        waitSeconds: 0,
      };
    }
  }

  async close(): Promise<void> {}
}

export function fakeValidation(): EvaluationSource {
  return {
    description: new FakeSource().description,
    async *batches() {
      for (let i = 0; i < 3; i++)
        yield {
          count: 2,
          pixels: new Uint8Array(2 * 32 * 32 * 3),
          labels: Int32Array.of(i, 2),
          names: ["x", "y"],
        };
    },
    close: async () => {},
  };
}

/** A disk without fsync: these tests simulate killed processes, not power failures. */
export const QUICK_DISK: DurableFiles = {
  ...DISK,
  write: (path, bytes) => writeFile(path, bytes),
  syncFolder: async () => {},
};

export interface SilentProgress extends Progress {
  lines: string[];
}

export function silentProgress(): SilentProgress {
  const lines: string[] = [];
  return { lines, report: () => {}, status: () => {}, say: (line) => void lines.push(line), end: () => {} };
}

export function fakeSettings(changes: Partial<TrainerSettings> = {}): TrainerSettings {
  const recipe = { ...DEIT_SETTINGS.recipe, size: 32 };
  return { ...DEIT_SETTINGS, batchSize: 4, epochs: 3, lr: 1, dropPath: 0, recipe, ...changes };
}

function firstFakeState(settings: TrainerSettings): RunState {
  return {
    format: STATE_FORMAT,
    settings,
    cursor: { epoch: 0, batch: 0 },
    step: 0,
    finished: false,
    generator: { name: "philox4x32-10", seed: settings.seed },
    device: "fake",
    gpuTier: null,
    fusedMultiplyAdd: false,
    data: { fingerprint: "f".repeat(64), samples: 21 },
    acceptedData: [],
    classMap: [0, 1, 2],
    lossScale: null,
    teacher: null,
    validationPath: null,
    badValidationSamples: "fail",
    recentLosses: [],
    epochLoss: { sum: 0, steps: 0 },
    best: null,
    top: [],
    sinceBest: 0,
    validation: null,
    owedValidation: null,
  };
}

export interface FakeRun extends FolderRun {
  training: FakeTraining;
  progress: SilentProgress;
}

/** A new run in `folder`. */
export function fakeRun(
  folder: string,
  math: DrawMath,
  changes: Partial<FakeRun> & { settings?: TrainerSettings } = {},
): FakeRun {
  const { settings = fakeSettings(), ...rest } = changes;
  const state = rest.state ?? firstFakeState(settings);
  const target = {
    checkpoint: { files: QUICK_DISK, folder, configText: "{}\n" },
    configYaml: "seed: 0\n",
    ...rest,
  };
  return {
    training: new FakeTraining(),
    source: new FakeSource(),
    objective: {
      ...{ settings, config: tinyConfig(), classMap: Int32Array.of(0, 1, 2), math, teacher: null },
      share: WHOLE_BATCH,
    },
    schedule: createSchedule(settings, 5),
    state,
    checkpoint: target.checkpoint,
    configYaml: target.configYaml,
    record: folderRecord(target),
    keepBest: 2,
    checkpointEvery: 2,
    validation: { source: fakeValidation(), classMap: Int32Array.of(0, 1, 2) },
    progress: silentProgress(),
    interruption: new AbortController().signal,
    ...rest,
  };
}
