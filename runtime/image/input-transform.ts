// Input transform: how a picture becomes a model's input, as a model's files ask for it and evaluation-input.ts does it.

/** Pillow's resampling filters. */
export type FilterName = "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";

/** How a picture becomes a model's input: resized, then cropped at its center. */
export interface InputTransform {
  /** Side of the square result in pixels. */
  size: number;
  /** Fraction of the resized side that the crop keeps. Default 0.875, as in DeiT's main.py. */
  cropRatio?: number;
  /** Of the resize. Default bicubic. */
  filter?: FilterName;
  /**
   * What is resized to int(size / cropRatio): the short side (`center`), or both sides, whatever the picture's shape
   * (`squash`); timm's names. Default center.
   */
  cropMode?: "center" | "squash";
  /**
   * Where the crop begins if its margins are odd: half of them rounded half to even, as torchvision, or down, as
   * Hugging Face's transformers. Default even.
   */
  cropRounding?: "even" | "down";
}
