// Starting weights: a checkpoint's tensors adapted to the model that is about to be trained.
//
// Differences between data sets are adapted and reported: another number of classes gets new heads, another image size
// a resized position embedding, a distilled model started from a checkpoint without distillation a new token.
// Everything else must fit.

import { formatShape } from "../graph/tensor.js";
import { resizePositionEmbedding } from "../weights/position-embedding.js";
import { checkShapes, type NamedTensor, type TensorMap } from "../weights/tensor-map.js";
import { positionsCoverPrefix } from "./deit/parameters.js";

/** The weights that a fine-tuning starts from, and what was adapted to get them. */
export interface StartingWeights {
  /**
   * Under timm's names, float32, in the order of the initialized model; tensors that fit are the checkpoint's, not
   * copies.
   */
  weights: TensorMap;
  /** A sentence for each tensor that was not taken as it is. */
  notices: string[];
}

const shapeOf = (tensor: NamedTensor | undefined): string => (tensor ? formatShape(tensor.shape) : "none");

function fits(tensor: NamedTensor | undefined, wanted: NamedTensor): tensor is NamedTensor {
  return tensor !== undefined && shapeOf(tensor) === shapeOf(wanted);
}

/** Rows of the position embedding before the patches'. */
function prefixRows(tensors: TensorMap, rows: number): number {
  const tokens = ["cls_token", "dist_token", "reg_token"].map((name) => tensors.get(name)?.shape[1] ?? 0);
  const prefix = tokens.reduce((sum, count) => sum + count);
  return positionsCoverPrefix(rows, prefix) ? prefix : 0;
}

/** The tokens' rows are copied where the checkpoint has them, the patches' resized where their grid differs. */
function adaptPositions(loaded: TensorMap, fresh: TensorMap): NamedTensor | undefined {
  const [from, to] = [loaded.get("pos_embed"), fresh.get("pos_embed")];
  if (!from || !to) return undefined;
  const [, rows = 0, dim = 0] = to.shape;
  const [extraFrom, extraTo] = [prefixRows(loaded, from.shape[1] ?? 0), prefixRows(fresh, rows)];
  if (from.shape[2] !== dim) return undefined;
  const resized = resizePositionEmbedding(from, extraFrom, Math.sqrt(rows - extraTo));
  const data = to.data.slice();
  data.set(resized.data.subarray(0, Math.min(extraFrom, extraTo) * dim));
  data.set(resized.data.subarray(extraFrom * dim), extraTo * dim);
  return { shape: [...to.shape], data };
}

/** Of every family: heads, and the token that only a distilled model has. */
const NEW_WHERE_DIFFERENT = /^(head|head_dist|head\.fc)\.(weight|bias)$|^dist_token$/;

/** The token that `toTimmNames` takes for a register, as a student with a distillation token needs it. */
function withDistillationToken(loaded: TensorMap, fresh: TensorMap): TensorMap {
  const register = loaded.get("reg_token");
  if (register?.shape[1] !== 1 || !fresh.has("dist_token") || loaded.has("dist_token")) return loaded;
  const renamed = new Map(loaded).set("dist_token", register);
  renamed.delete("reg_token");
  return renamed;
}

/**
 * Adapts a checkpoint to the model that is about to be trained: heads of another number of classes and a missing
 * distillation token are newly initialized, a position embedding for another grid is resized
 * (`resizePositionEmbedding`), and everything else must fit. `given`: the checkpoint under timm's names; `fresh`:
 * the initialized model, whose names and shapes the result has; `subject` names the checkpoint in notices and errors.
 * Throws `weights/missing-tensor`, `weights/shape` or `weights/unknown-tensor` for the first tensor that cannot be
 * adapted.
 */
export function startingWeights(given: TensorMap, fresh: TensorMap, subject: string): StartingWeights {
  const loaded = withDistillationToken(given, fresh);
  const weights: TensorMap = new Map();
  const notices: string[] = [];
  for (const [name, wanted] of fresh) {
    const found = loaded.get(name);
    const adapted = name === "pos_embed" && !fits(found, wanted) ? adaptPositions(loaded, fresh) : undefined;
    if (fits(found, wanted)) weights.set(name, found);
    else if (adapted) {
      weights.set(name, adapted);
      notices.push(`${subject}: pos_embed ${shapeOf(found)} is resized to ${shapeOf(wanted)}`);
    } else if (NEW_WHERE_DIFFERENT.test(name)) {
      weights.set(name, wanted);
      notices.push(
        `${subject}: ${name} is newly initialized as ${shapeOf(wanted)}, the file has ${shapeOf(found)}`,
      );
    } else if (found) weights.set(name, found);
  }
  for (const name of loaded.keys())
    if (!fresh.has(name) && NEW_WHERE_DIFFERENT.test(name)) notices.push(`${subject}: ${name} is not used`);
    else if (!fresh.has(name)) weights.set(name, loaded.get(name) as NamedTensor);
  checkShapes(weights, new Map(Array.from(fresh, ([name, { shape }]) => [name, shape])), subject);
  return { weights, notices };
}
