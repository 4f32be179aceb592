// Config: the sizes of a DeiT, and what a classifier of any family says of itself. config-json.ts has the file's names.

/** What every classifier says of its input and its answer, whatever its family. */
export interface ClassifierConfig {
  imageSize: number;
  classes: number;
  /** Normalization of the input: (pixel/255 − mean)/std per channel. */
  mean: [number, number, number];
  std: [number, number, number];
  /** Share of the resized image that the evaluation crop keeps: resize to int(size/ratio). */
  cropRatio: number;
}

export interface DeitConfig extends ClassifierConfig {
  patchSize: number;
  /** Width of a token. */
  dim: number;
  depth: number;
  heads: number;
  /** Width of the MLP's hidden layer (4·dim in every published model). */
  mlpDim: number;
  /** With a distillation token and a second head. */
  distilled: boolean;
  layerNormEpsilon: number;
}

export const IMAGENET_MEAN: [number, number, number] = [0.485, 0.456, 0.406];
export const IMAGENET_STD: [number, number, number] = [0.229, 0.224, 0.225];
