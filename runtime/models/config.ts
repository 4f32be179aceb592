// Config: the sizes of a DeiT, under Hugging Face's field names in config.json and these names in code.

export interface DeitConfig {
  imageSize: number;
  patchSize: number;
  /** Width of a token. */
  dim: number;
  depth: number;
  heads: number;
  /** Width of the MLP's hidden layer (4·dim in every published model). */
  mlpDim: number;
  classes: number;
  /** With a distillation token and a second head. */
  distilled: boolean;
  layerNormEpsilon: number;
  /** Normalisation of the input: (pixel/255 − mean)/std per channel. */
  mean: [number, number, number];
  std: [number, number, number];
  /** Share of the resized image that the evaluation crop keeps: resize to int(size/ratio). */
  cropRatio: number;
}

export const IMAGENET_MEAN: [number, number, number] = [0.485, 0.456, 0.406];
export const IMAGENET_STD: [number, number, number] = [0.229, 0.224, 0.225];
