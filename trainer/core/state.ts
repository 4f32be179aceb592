// State: what state.json keeps beside the weights, so that a run continues as if it had never stopped.

import type { Cursor } from "../../runtime/batches/batch-source.js";
import type { BadSamples } from "../../runtime/batches/reading-policy.js";
import { quote, quoteJson, VitrineError } from "../../runtime/errors.js";
import type { LossScale } from "../../runtime/training/contract.js";
import type { BestScore } from "./ranking.js";
import type { TrainerSettings } from "./settings.js";
import { wrongField } from "./state-shape.js";
import type { StepMetrics } from "./step-metrics.js";
import type { ValidationScores } from "./validation.js";

export const STATE_FILE = "state.json";

/** Increased when a field changes its meaning; other formats are refused. */
export const STATE_FORMAT = 3;

export interface RunState {
  format: number;
  settings: TrainerSettings;
  /** The next batch to consume. */
  cursor: Cursor;
  /** Optimizer steps done. */
  step: number;
  finished: boolean;
  /** Counter-based: a draw is a function of this key and its position, so there is no generator state to keep. */
  generator: { name: "philox4x32-10"; seed: number };
  device: string;
  /** The numerics of a GPU's kernels; null on other devices. */
  gpuTier: string | null;
  /** Whether multiplications and additions were fused, which changes last bits. */
  fusedMultiplyAdd: boolean;
  data: { fingerprint: string; samples: number };
  /** Data sets that the run continued with (--accept-data), and after which step. */
  acceptedData: { step: number; fingerprint: string; samples: number }[];
  /** Class index of the data set → class index of the model. */
  classMap: number[];
  /** The loss scale of the next step; null in a run that never scaled its loss. */
  lossScale: LossScale | null;
  /** Digest of the teacher's weights file. */
  teacher: { sha256: string } | null;
  /** Validation data, if the run has any. */
  validationPath: string | null;
  /** What is done with an image that this process cannot read, of the validation or of the training data. */
  badValidationSamples: BadSamples;
  recentLosses: number[];
  epochLoss: { sum: number; steps: number };
  best: BestScore | null;
  /** The epochs that RUN/top keeps, the best one first. */
  top: BestScore[];
  /** Validations since the best one. */
  sinceBest: number;
  validation: ValidationScores | null;
  /**
   * The last step's metrics while the validation after it is still to be done: a resumed run begins with it. Null
   * otherwise.
   */
  owedValidation: StepMetrics | null;
}

const NUMBERS_ON_LINES = /\[\s*(-?[\d.e+-]+(?:,\s*-?[\d.e+-]+)*)\s*\]/g;

/** Keys in a fixed order, one per line, lists of numbers on one line, so that two states can be compared by eye. */
export function writeState(state: RunState): Uint8Array {
  const text = JSON.stringify(state, null, 1);
  const compact = text.replace(NUMBERS_ON_LINES, (_, list: string) => `[${list.replace(/\s+/g, " ")}]`);
  return new TextEncoder().encode(`${compact}\n`);
}

const REQUIRED: readonly (keyof RunState)[] = [
  "settings",
  "cursor",
  "step",
  "fusedMultiplyAdd",
  "data",
  "classMap",
  "recentLosses",
  "epochLoss",
];

/** Settings that a checkpoint of an earlier version lacks, with what that version did. */
const EARLIER_SETTINGS: Partial<TrainerSettings> = {
  recipeName: "deit",
  inputSize: null,
  evalCropRatio: null,
  keepHead: false,
  classesBy: "name",
  teacherClasses: "name",
  softScale: "main",
  accumulate: 1,
  syncEvery: 1,
  outerLr: 0.7,
  outerMomentum: 0.9,
  recompute: false,
  sched: "cosine",
  decayEpochs: 30,
  decayRate: 0.1,
  cooldownEpochs: 0,
  lrNoise: null,
  lrNoisePct: 0.67,
  lrNoiseStd: 1,
  opt: "adamw",
  momentum: 0.9,
  layerDecay: 1,
  bceLoss: false,
  cosub: false,
  optEps: 1e-8,
  optBetas: [0.9, 0.999],
  freeze: null,
  attnOnly: false,
  emaWarmup: false,
  valInterval: 1,
  evalMetric: "top1",
  patience: 0,
  logInterval: 1,
};

const isFields = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Throws `checkpoint/state` if the text is not from `writeState`. The error names `path`. */
export function readState(text: string, path: string): RunState {
  let parsed: Partial<RunState> | null;
  try {
    parsed = JSON.parse(text) as Partial<RunState> | null;
  } catch (cause) {
    throw new VitrineError(
      "checkpoint/state",
      `${quote(path)}: not JSON: ${quote((cause as Error).message)}`,
      {
        cause,
      },
    );
  }
  if (parsed?.format !== STATE_FORMAT && parsed?.format !== 2)
    throw new VitrineError(
      "checkpoint/state",
      `${quote(path)}: format ${quoteJson(parsed?.format, "missing")}, this version reads 2 and ${STATE_FORMAT}`,
    );
  const missing = REQUIRED.find((key) => parsed[key] === undefined);
  if (missing !== undefined)
    throw new VitrineError("checkpoint/state", `${quote(path)}: "${missing}" is missing`);
  const damaged = (what: string) =>
    new VitrineError(
      "checkpoint/state",
      `${quote(path)}: ${what}: the file was edited or damaged; a new run can start from its weights (--init)`,
      { details: { path } },
    );
  const settings = parsed.settings as TrainerSettings;
  if (!isFields(settings)) throw damaged('"settings" is no object');
  if (!isFields(settings.recipe)) throw damaged('"settings.recipe" is no object');
  // In format 2, a warm-up left to its default was main.py's, or in a run measured in steps a fraction of it.
  if (parsed.format === 2 && settings.steps === null) settings.warmupEpochs ??= 5;
  // Assignments keep the order of the keys.
  const stored = settings as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(EARLIER_SETTINGS)) if (!(key in stored)) stored[key] = value;
  settings.recipe.mixOffEpoch ??= 0;
  settings.recipe.simpleCrop ??= false;
  settings.recipe.shuffleWindow ??= 0;
  parsed.format = STATE_FORMAT;
  parsed.gpuTier ??= null;
  parsed.lossScale ??= null;
  parsed.owedValidation ??= null;
  parsed.sinceBest ??= 0;
  parsed.badValidationSamples ??= "fail";
  parsed.acceptedData ??= [];
  parsed.top ??= [];
  const wrong = wrongField(parsed as Readonly<Record<string, unknown>>);
  if (wrong !== null) throw damaged(wrong);
  return parsed as RunState;
}
