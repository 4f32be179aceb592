// Draw: what chance decided, for a sample and for a batch. Values only; the functions that make them are beside.

import type { EraseMode, Interpolation } from "./recipe.js";

/** Rows top … top + height − 1, columns left … left + width − 1. */
export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** One operation with its argument already worked out from the magnitude (timm's level functions). */
export interface AugmentOperation {
  name: string;
  argument: number;
  /** How a rotation, shear or translation interpolates. Absent: as the picture is resized. */
  filter?: Interpolation;
}

/** A rectangle to overwrite, with the key of its noise: values come from the counter-based generator. */
export interface EraseDraw extends Box {
  mode: EraseMode;
}

/** What will be done to one image, known before a byte of it is decoded (its header gives width and height). */
export interface SampleDraw {
  crop: Box;
  flip: boolean;
  /** How the crop is resized. Absent: as the caller says. */
  filter?: Interpolation;
  operations: AugmentOperation[];
  erase: EraseDraw[];
  /** Generator key and counter prefix for erase noise: (seed, epoch, index, repeat). */
  key: DrawKey;
}

/** Names one stream of random numbers; a domain tag is added by whoever draws. */
export interface DrawKey {
  seed: number;
  epoch: number;
  index: number;
  repeat: number;
}

/** How one sample is mixed with its partner; λ is the target's (for CutMix: corrected to the clipped box). */
export interface MixDraw {
  kind: "none" | "mixup" | "cutmix";
  lambda: number;
  box: Box | null;
}

/** Sample b is mixed with partner count − 1 − b, read from the unmixed batch. */
export interface BatchDraw {
  samples: MixDraw[];
}
