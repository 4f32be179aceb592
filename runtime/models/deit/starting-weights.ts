// Starting weights: a checkpoint's tensors brought to the sizes of the model that is about to be trained.
//
// What changes between data sets is adapted and said: another number of classes gets new heads, another image size
// a resized position embedding, a distilled model on a plain checkpoint a new token. Anything else must fit.

import { checkShapes } from "../../weights/check-shapes.js";
import { resizePositionEmbedding } from "../../weights/position-embedding.js";
import type { NamedTensor, TensorMap } from "../../weights/tensor-map.js";

export interface StartingWeights {
  weights: TensorMap;
  /** A sentence for each thing that was not simply taken over. */
  notices: string[];
}

const shapeText = (tensor: NamedTensor | undefined): string =>
  tensor ? `[${tensor.shape.join(", ")}]` : "none";

function fits(tensor: NamedTensor | undefined, wanted: NamedTensor): tensor is NamedTensor {
  return tensor !== undefined && shapeText(tensor) === shapeText(wanted);
}

/** Rows of the tokens are taken where the checkpoint has them, patches resized where their grid differs. */
function adaptPositions(loaded: TensorMap, fresh: TensorMap): NamedTensor | undefined {
  const [from, to] = [loaded.get("pos_embed"), fresh.get("pos_embed")];
  if (!from || !to) return undefined;
  const [extraFrom, extraTo] = [loaded, fresh].map((tensors) => (tensors.has("dist_token") ? 2 : 1)) as [
    number,
    number,
  ];
  const [, rows = 0, dim = 0] = to.shape;
  if (from.shape[2] !== dim) return undefined;
  const resized = resizePositionEmbedding(from, extraFrom, Math.sqrt(rows - extraTo));
  const data = to.data.slice();
  data.set(resized.data.subarray(0, Math.min(extraFrom, extraTo) * dim));
  data.set(resized.data.subarray(extraFrom * dim), extraTo * dim);
  return { shape: [...to.shape], data };
}

const NEW_WHERE_DIFFERENT = /^(head|head_dist)\.(weight|bias)$|^dist_token$/;

/**
 * `loaded`: a checkpoint under timm's names; `fresh`: the new model as it is initialized, which gives names and
 * shapes too. Throws what `checkShapes` throws where the trunk does not fit.
 */
export function startingWeights(loaded: TensorMap, fresh: TensorMap, subject: string): StartingWeights {
  const weights: TensorMap = new Map();
  const notices: string[] = [];
  for (const [name, wanted] of fresh) {
    const found = loaded.get(name);
    const adapted = name === "pos_embed" && !fits(found, wanted) ? adaptPositions(loaded, fresh) : undefined;
    if (fits(found, wanted)) weights.set(name, found);
    else if (adapted) {
      weights.set(name, adapted);
      notices.push(`${subject}: pos_embed ${shapeText(found)} is brought to ${shapeText(wanted)}`);
    } else if (NEW_WHERE_DIFFERENT.test(name)) {
      weights.set(name, wanted);
      notices.push(
        `${subject}: ${name} starts anew as ${shapeText(wanted)}, the file has ${shapeText(found)}`,
      );
    } else if (found) weights.set(name, found);
  }
  for (const name of loaded.keys())
    if (!fresh.has(name) && NEW_WHERE_DIFFERENT.test(name)) notices.push(`${subject}: ${name} is not used`);
    else if (!fresh.has(name)) weights.set(name, loaded.get(name) as NamedTensor);
  checkShapes(weights, new Map(Array.from(fresh, ([name, { shape }]) => [name, shape])), subject);
  return { weights, notices };
}
