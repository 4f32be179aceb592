// Classify options: checked once, with their defaults.

import { VitrineError } from "../../runtime/errors.js";
import type { PictureArea } from "../../runtime/image/evaluation-crop.js";
import type { ClassifyOptions, ModelCard } from "./contract.js";
import { CLASSIFY_OPTIONS, OCCLUSION_OPTIONS, refuseUnknown } from "./known-options.js";

const DEFAULT_STEPS = 7;
const MAX_STEPS = 32;

export interface CheckedOptions {
  topK: number;
  heads: boolean;
  attention: boolean;
  embeddings: boolean;
  without: readonly PictureArea[];
  /** `index` undefined: the most probable class. */
  occlusion: { index: number | undefined; steps: number } | undefined;
}

function wholeNumber(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const allowed = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `${least} to ${most}`;
  throw new VitrineError("usage/number", `${name} got ${value}; allowed: a whole number, ${allowed}`);
}

function checkArea(area: PictureArea): PictureArea {
  const { x, y, width, height } = area;
  if ([x, y, width, height].every(Number.isFinite) && width >= 0 && height >= 0) return area;
  const text = `without got ${JSON.stringify(area)}; allowed: {x, y, width, height} in pixels of the picture`;
  throw new VitrineError("usage/number", text);
}

function checkOcclusion(
  occlusion: ClassifyOptions["occlusion"],
  classes: number,
): CheckedOptions["occlusion"] {
  if (!occlusion) return undefined;
  if (occlusion !== true) refuseUnknown(occlusion, OCCLUSION_OPTIONS, "occlusion");
  const { index, steps = DEFAULT_STEPS } = occlusion === true ? {} : occlusion;
  wholeNumber("occlusion.steps", steps, 1, MAX_STEPS);
  if (index !== undefined) wholeNumber("occlusion.index", index, 0, classes - 1);
  return { index, steps };
}

/** Throws `usage/number`, and `usage/bad-option` for an option that is none. */
export function checkClassifyOptions(options: ClassifyOptions, { labels }: ModelCard): CheckedOptions {
  refuseUnknown(options, CLASSIFY_OPTIONS, "classify");
  const { topK = 5, heads = false, attention = false, embeddings = false, without = [] } = options;
  return {
    topK: wholeNumber("topK", topK, 1),
    heads,
    attention,
    embeddings,
    without: without.map(checkArea),
    occlusion: checkOcclusion(options.occlusion, labels.length),
  };
}
