// Fake history: the folder of a run that was never trained, with a model whose answers are known.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunState, STATE_FORMAT, writeState } from "../../trainer/core/state.js";
import { constantWeights, SYNTHETIC, syntheticPhoto, writeModelFolder } from "../models/synthetic-model.js";
import { fakeSettings } from "../trainer/fake-run.js";

const COLUMNS =
  "step,epoch,batch,learning_rate,loss,running_loss,images_per_second,data_wait," +
  "validation_top1,validation_top5,validation_loss,ema_validation_top1,ema_validation_loss";

/** Rows of metrics.csv: validated after every tenth step. */
export function metricsText(steps: number): string {
  const rows = Array.from({ length: steps }, (_, index) => {
    const step = index + 1;
    const loss = 2 / Math.sqrt(step);
    const validation =
      step % 10 === 0 ? `${Math.min(95, step)},99.5,${loss},${Math.min(90, step)},${loss}` : ",,,,";
    return `${step},${Math.floor(index / 10)},${index % 10},${1e-3 / step},${loss},${loss},50,0.25,${validation}`;
  });
  return `${COLUMNS}\n${rows.join("\n")}\n`;
}

function fakeState(changes: Partial<RunState> = {}): RunState {
  return {
    format: STATE_FORMAT,
    settings: fakeSettings({ epochs: 3, batchSize: 4 }),
    cursor: { epoch: 3, batch: 0 },
    step: 30,
    finished: true,
    generator: { name: "philox4x32-10", seed: 0 },
    device: "wasm",
    gpuTier: null,
    fusedMultiplyAdd: false,
    data: { fingerprint: "f".repeat(64), samples: 40 },
    acceptedData: [],
    classMap: [0, 1, 2, 3],
    lossScale: null,
    teacher: null,
    validationPath: null,
    badValidationSamples: "fail",
    recentLosses: [0.4],
    epochLoss: { sum: 0, steps: 0 },
    top: [],
    best: { epoch: 2, step: 30, top1: 30, loss: 0.4 },
    validation: null,
    sinceBest: 0,
    owedValidation: null,
    ...changes,
  };
}

/** Pictures of each class; the model always gives the first label. */
export function drawValidation(folder: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) writeFileSync(join(folder, name, `${i}.jpg`), syntheticPhoto(i));
  }
}

export interface FakeHistory {
  labels: string[];
  metrics?: string | null;
  state?: Partial<RunState>;
}

/** Writes RUN with `last`, whose model answers `labels[0]` to everything. */
export function writeFakeRun(
  run: string,
  { labels, metrics = metricsText(30), state = {} }: FakeHistory,
): void {
  writeModelFolder(join(run, "last"), SYNTHETIC, constantWeights(SYNTHETIC, 0), labels);
  writeFileSync(join(run, "last", "state.json"), writeState(fakeState(state)));
  if (metrics !== null) writeFileSync(join(run, "metrics.csv"), metrics);
}
