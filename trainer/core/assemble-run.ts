// Assemble run: the programs of a run, and the run itself, from what it starts with.

import type { PieceTraining, TrainingOptions } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import { type BatchShare, inPieceOrder, ownPieces, WHOLE_BATCH } from "./batch-share.js";
import { frozenNames } from "./frozen.js";
import { layerRates } from "./layer-rates.js";
import type { TeacherLogits } from "./objective.js";
import { rateNoise } from "./rate-noise.js";
import type { StartingPoint, TrainingRun } from "./run.js";
import { createSchedule } from "./schedule.js";

/** What is trained and by which loss, with the first weights. */
export function trainingOptions({ config, weights, batchesTracked, state }: StartingPoint): TrainingOptions {
  const { batchSize, accumulate, recompute, distillation, alpha, tau, softScale, dropPath, ema } =
    state.settings;
  const memory = { batchSize, pieces: accumulate, recompute };
  const model = { config, weights, batchesTracked };
  const options = { ...model, ...memory, distillation, alpha, tau, softScale, dropPath, ema };
  const names = [...weights.keys()];
  const { opt: optimizer, layerDecay, bceLoss, cosub } = state.settings;
  const frozen = frozenNames(names, state.settings);
  const rateFactors = layerRates(names, layerDecay);
  const trained = {
    frozen,
    optimizer,
    rateFactors,
    cosub,
    loss: bceLoss || cosub ? "binary" : "soft",
  } as const;
  return { ...options, ...trained };
}

/**
 * The programs and stores of a run, with its first weights; a resumed run restores its moments into them. `pieceOnly`: it
 * computes one piece of a batch at a time, and the gradients of the pieces are added up elsewhere.
 */
export function makeTraining(start: StartingPoint, pieceOnly = false): Promise<PieceTraining> {
  const options = trainingOptions(start);
  const piece = { batchSize: options.batchSize / (options.pieces ?? 1), pieces: 1 };
  return createTraining(start.runtime.executor, { ...options, ...(pieceOnly && piece) });
}

/** `parts`: what the run has beside that: its programs, its validation data, who keeps it and who watches it. */
export function assembleRun(
  { state, source, config, runtime }: StartingPoint,
  teacher: TeacherLogits | null,
  parts: Omit<TrainingRun, "state" | "source" | "objective" | "schedule">,
  share: BatchShare = WHOLE_BATCH,
): TrainingRun {
  const classMap = Int32Array.from(state.classMap);
  const { math } = runtime.image;
  const { batchSize, accumulate } = state.settings;
  const curve = createSchedule(state.settings, source.batchesPerEpoch);
  return {
    ...parts,
    source: inPieceOrder(source, batchSize / share.world, ownPieces(accumulate, share)),
    objective: { settings: state.settings, config, classMap, math, teacher, share },
    schedule: { ...curve, noise: rateNoise(state.settings, curve.length, math) },
    state,
  };
}
