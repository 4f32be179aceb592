// Evaluation codec: the transform and the images of an evaluation ↔ their message on the wire.

import { quote, VitrineError } from "../runtime/errors.js";
import {
  type CropMode,
  DEFAULT_CROP_RATIO,
  type FilterName,
  type InputTransform,
} from "../runtime/image/input-transform.js";
import { vitrine } from "./generated/data.js";

type EvaluationMessage = vitrine.data.v1.Evaluation.$Properties;

/** What an evaluation asks for, but for batch size and rank. */
export interface AskedEvaluation extends InputTransform {
  /** At most this many images; absent: all. */
  most?: number | undefined;
}

const FILTERS: readonly FilterName[] = ["bicubic", "nearest", "box", "bilinear", "hamming", "lanczos"];
const CROP_MODES: readonly CropMode[] = ["center", "squash", "border"];
const ROUNDINGS = ["even", "down"] as const;

export function toEvaluationMessage(asked: AskedEvaluation): EvaluationMessage {
  const {
    size,
    cropRatio = DEFAULT_CROP_RATIO,
    filter,
    cropMode,
    borderColor,
    cropRounding,
    most = 0,
  } = asked;
  return {
    size,
    cropRatio,
    filter,
    cropMode,
    cropRounding,
    most,
    ...(borderColor && { borderColor: Uint8Array.from(borderColor) }),
  };
}

function refuse(field: string, got: string, allowed: string): never {
  throw new VitrineError("protocol/bad-open", `evaluation: ${field} got ${got}; allowed: ${allowed}`, {
    details: { field, got },
  });
}

/** The first name is the default. */
function oneOf<Name extends string>(names: readonly Name[], text: string, field: string): Name {
  if (text === "") return names[0];
  const name = names.find((each) => each === text);
  return name ?? refuse(field, `"${quote(text.slice(0, 40))}"`, names.join(", "));
}

/** Throws `protocol/bad-open` for names and lengths; ranges of numbers are checked before anything is made. */
export function fromEvaluationMessage(message: EvaluationMessage): AskedEvaluation {
  const asked = vitrine.data.v1.Evaluation.create(message as vitrine.data.v1.Evaluation.$Shape);
  const { size, cropRatio, borderColor, most } = asked;
  if (borderColor.length !== 0 && borderColor.length !== 3)
    refuse("border_color", `${borderColor.length} bytes`, "three or none");
  return {
    size,
    cropRatio,
    filter: oneOf(FILTERS, asked.filter, "filter"),
    cropMode: oneOf(CROP_MODES, asked.cropMode, "crop_mode"),
    cropRounding: oneOf(ROUNDINGS, asked.cropRounding, "crop_rounding"),
    ...(borderColor.length === 3 && {
      borderColor: [borderColor[0], borderColor[1], borderColor[2]] as const,
    }),
    ...(most > 0 && { most }),
  };
}
