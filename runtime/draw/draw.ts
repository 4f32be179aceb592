// Draw: what chance decided, for a sample and for a batch. Plain data: it can be printed, stored, or written by hand.

import type { DrawKey } from "./draw-key.js";
import type { EraseMode, Interpolation } from "./recipe.js";

/** A rectangle of pixels: rows top … top + height − 1, columns left … left + width − 1. */
export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** One augmentation operation. Its argument has been computed from the magnitude (timm's level functions). */
export interface AugmentOperation {
  /** timm's name, such as `Rotate` or `PosterizeIncreasing`; also `Grayscale` and `GaussianBlur`. */
  name: string;
  /** Degrees, bits, threshold, factor, slope, fraction of the side or radius in pixels; 0 if the operation has none. */
  argument: number;
  /** Interpolation of a rotation, shear or translation. Default: that of the resize. */
  filter?: Interpolation;
}

/** A rectangle of the finished sample to overwrite. */
export interface EraseDraw extends Box {
  /** What fills it; noise comes from the stream of the draw's key. */
  mode: EraseMode;
}

/** Where the square input is in a crop that is resized to another size. */
export interface ResizedWindow {
  /** The size that the crop is resized to. */
  width: number;
  height: number;
  /** The input's first pixel there. Pixels outside are reflected at the edges, which are not repeated. */
  top: number;
  left: number;
}

/** What will be done to one image, known before any of it is decoded (its header gives width and height). */
export interface SampleDraw {
  /** The part of the picture, as stored, that is resized to the square input. */
  crop: Box;
  /** The square input's place in the resized crop. Default: it is the resized crop. */
  window?: ResizedWindow;
  /** Mirror left to right. */
  flip: boolean;
  /** Interpolation of the resize. Default: the caller's choice. */
  filter?: Interpolation;
  /** In order, on the resized square. */
  operations: AugmentOperation[];
  /** In order, last of all. */
  erase: EraseDraw[];
  /** Key of the erase noise. */
  key: DrawKey;
}

/** How one sample is mixed with its partner. */
export interface MixDraw {
  readonly kind: "none" | "mixup" | "cutmix";
  /** Weight of the sample's own label, 0 to 1; for CutMix corrected to the clipped box. */
  readonly lambda: number;
  /** The rectangle that CutMix copies from the partner; null otherwise. */
  readonly box: Readonly<Box> | null;
}

/** How a batch is mixed: sample b with partner count − 1 − b, both read unmixed. */
export interface BatchDraw {
  /** One per sample. */
  readonly samples: readonly MixDraw[];
}
