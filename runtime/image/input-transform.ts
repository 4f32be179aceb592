// Input transform: how a picture becomes a model's input, as a model's files ask for it and evaluation-input.ts does it.

/** Pillow's resampling filters. */
export type FilterName = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** timm's names of what is resized where a picture is not square: the short side, both sides, or the long one. */
export type CropMode = "center" | "squash" | "border";

/** As in DeiT's main.py: 224 of 256. */
export const DEFAULT_CROP_RATIO = 0.875;

/** How a picture becomes a model's input: resized, then cropped at its center. */
export interface InputTransform {
  /** Side of the square result in pixels. */
  size: number;
  /** Fraction of the resized side that the crop keeps. Default 0.875, as in DeiT's main.py. */
  cropRatio?: number;
  /** Of the resize. Default bicubic. */
  filter?: FilterName;
  /**
   * What is resized to int(size / cropRatio): the short side (`center`), both sides, whatever the picture's shape
   * (`squash`), or the long side, with a border of `borderColor` around what is smaller than the input (`border`).
   * Default center.
   */
  cropMode?: CropMode;
  /** Color of the border, three bytes. Default black. */
  borderColor?: readonly [number, number, number];
  /**
   * Where the crop begins if its margins are odd: half of them rounded half to even, as torchvision, or down, as
   * Hugging Face's transformers. Default even.
   */
  cropRounding?: "even" | "down";
}
