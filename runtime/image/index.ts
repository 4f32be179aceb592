// vitrine/image: what the package exports for decoding and transforming pictures.

export * from "../draw/index.js";
export { isVitrineError, VitrineError } from "../errors.js";
export { type AugmentOptions, augment } from "./augment.js";
export {
  DEFAULT_PIXEL_LIMIT,
  type DecodedImage,
  type DecodeOptions,
  type DecodeScale,
  decode,
  type FrameKind,
  type JpegHeader,
  readHeader,
} from "./decode.js";
export { type DecodedCrop, decodeCrop } from "./decode-crop.js";
export { type EvaluationOptions, evaluationInput, evaluationInputOfPixels } from "./evaluation-input.js";
export { createImageModule, type ImageModule, type ImageModuleOptions } from "./image-module.js";
export { type MixOptions, mixBatch } from "./mix-batch.js";
export { type FilterName, type ResizeOptions, type RgbImage, resize } from "./resize.js";
export { type TrainingOptions, trainingInput, trainingInputOfPixels } from "./training-input.js";
