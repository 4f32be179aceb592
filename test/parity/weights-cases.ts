// Weights cases: Hugging Face's names against timm's, and the position embedding's resize against torch's.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toTimmNames } from "../../runtime/models/deit/key-map.js";
import { resizePositionEmbedding } from "../../runtime/weights/position-embedding.js";
import {
  floatTensors,
  readSafetensors,
  storedFloats,
  writeSafetensors,
} from "../../runtime/weights/safetensors.js";
import type { NamedTensor, TensorMap } from "../../runtime/weights/tensor-map.js";
import { readWeightFile } from "../../runtime/weights/weight-file.js";
import type { CaseGroup, ParityContext, ParityOutcome } from "./case.js";
import { compare } from "./compare.js";

/** A double result rounded once against torch's float32 arithmetic on the same values. */
const RESIZE_MULTIPLE = 4;

/** Infinity where the shapes differ or a value is NaN. */
function largestDifference(got: NamedTensor | undefined, wanted: NamedTensor): number {
  if (got?.shape.join() !== wanted.shape.join()) return Number.POSITIVE_INFINITY;
  const differences = wanted.data.map((value, i) => Math.abs(got.data[i] - value));
  const largest = differences.reduce((a, b) => Math.max(a, b), 0);
  return Number.isNaN(largest) ? Number.POSITIVE_INFINITY : largest;
}

/** The same tensors with the same values, none missing and none added. */
function compareExactly(name: string, got: TensorMap, wanted: TensorMap): ParityOutcome {
  const errors = Array.from(wanted, ([tensor, values]) => largestDifference(got.get(tensor), values));
  const maxAbsError = got.size === wanted.size ? Math.max(...errors) : Number.POSITIVE_INFINITY;
  return { name, ok: maxAbsError === 0, maxAbsError, tolerance: 0 };
}

function* keyMapCases(context: ParityContext): Generator<ParityOutcome> {
  for (const model of ["model_plain", "model_distilled"]) {
    const [timm, huggingFace] = [`${model}.safetensors`, `${model}.hf.safetensors`];
    if (!context.has(timm)) continue;
    const wanted = context.floats(timm);
    const rewritten = floatTensors(readSafetensors(writeSafetensors(storedFloats(wanted)), timm));
    yield compareExactly(`${timm}/read and written`, rewritten, wanted);
    if (!context.has(huggingFace)) continue;
    yield compareExactly(huggingFace, toTimmNames(context.floats(huggingFace), huggingFace), wanted);
  }
}

/** PyTorch file → the safetensors file with the same tensors. */
const TORCH_FILES: readonly [file: string, tensors: string][] = [
  ["model_plain.pth", "model_plain.safetensors"],
  ["model_distilled.pth", "model_distilled.safetensors"],
  ["model_distilled.legacy.pth", "model_distilled.safetensors"],
];

const CHECKPOINT = "checkpoint.pth";
const CHECKPOINT_START = "model_distilled.safetensors";
/** Two steps of AdamW at a learning rate of 1e-3 move no value further, weight decay included. */
const TWO_STEPS = 2.5e-3;

function* torchCases(context: ParityContext): Generator<ParityOutcome> {
  const read = (file: string, ema = false) =>
    floatTensors(readWeightFile(readFileSync(join(context.folder, file)), file, { ema }));
  for (const [file, tensors] of TORCH_FILES) {
    if (!context.has(file) || !context.has(tensors)) continue;
    yield compareExactly(file, read(file), context.floats(tensors));
  }
  if (!context.has(CHECKPOINT) || !context.has(CHECKPOINT_START)) return;
  const start = context.floats(CHECKPOINT_START);
  for (const ema of [false, true]) {
    const outcome = compareExactly(
      `${CHECKPOINT}/${ema ? "average" : "model"}`,
      read(CHECKPOINT, ema),
      start,
    );
    const tolerance = ema ? TWO_STEPS * 0.02 : TWO_STEPS;
    yield { ...outcome, tolerance, ok: outcome.maxAbsError > 0 && outcome.maxAbsError <= tolerance };
  }
}

const RESIZED = "pos_embed_bicubic.safetensors";

/** `NAME_extraE.in` → `NAME_extraE.out`, E rows copied. */
function* resizeCases(context: ParityContext): Generator<ParityOutcome> {
  if (!context.has(RESIZED)) return;
  const tensors = context.floats(RESIZED);
  for (const [key, wanted] of tensors) {
    const [, name, extra] = /^(.*_extra(\d+))\.out$/.exec(key) ?? [];
    const input = tensors.get(`${name}.in`);
    if (!input) continue;
    const grid = Math.sqrt(wanted.shape[1] - Number(extra));
    const got = resizePositionEmbedding(input, Number(extra), grid);
    const data = got.shape.join() === wanted.shape.join() ? got.data : undefined;
    const tolerance = context.tolerance(RESIZED, key, RESIZE_MULTIPLE);
    yield compare(`pos_embed_bicubic/${name}`, data, wanted.data, tolerance);
  }
}

export const weightsCases: CaseGroup = async function* (context) {
  yield* keyMapCases(context);
  yield* torchCases(context);
  yield* resizeCases(context);
};
