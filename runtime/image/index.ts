// vitrine/image: what the package exports for decoding and transforming pictures, and for drawing a sample's
// augmentation.

export type {
  AugmentOperation,
  BatchDraw,
  Box,
  EraseDraw,
  MixDraw,
  SampleDraw,
} from "../draw/draw.js";
export type { DrawKey } from "../draw/draw-key.js";
export { drawBatch, mixTargets, type TargetOptions } from "../draw/mix.js";
export {
  batchesPerEpoch,
  createOrder,
  type Order,
  type OrderOptions,
  type Place,
  sampleAt,
} from "../draw/order.js";
export type { Domain, DrawMath } from "../draw/random.js";
export {
  type AugmentationRecipe,
  DEIT_RECIPE,
  type EraseMode,
  type Interpolation,
  type MixMode,
} from "../draw/recipe.js";
export { drawSample, type ImageSize } from "../draw/sample.js";
export { type ErrorCode, type ErrorDetails, isVitrineError, VitrineError } from "../errors.js";
export type { Host } from "../host/host.js";
export { type AugmentOptions, augment } from "./augment.js";
export {
  DEFAULT_PIXEL_LIMIT,
  type DecodedCrop,
  type DecodedImage,
  type DecodeOptions,
  type DecodeScale,
  decode,
  decodeCrop,
  type FrameKind,
  type JpegHeader,
  readHeader,
} from "./decode.js";
export {
  type EvaluationOptions,
  evaluationInput,
  evaluationInputOfPixels,
} from "./evaluation-input.js";
export {
  createImageModule,
  type ImageCall,
  type ImageModule,
  type ImageModuleOptions,
} from "./image-module.js";
export type { CropMode, FilterName, InputTransform } from "./input-transform.js";
export { type MixOptions, mixBatch } from "./mix-batch.js";
export {
  type DecodedPicture,
  decodePicture,
  evaluatePicture,
  type PictureHeader,
  type PictureOptions,
  type ReadOptions,
  readPictureHeader,
  trainPicture,
} from "./picture.js";
export type { PictureFormat } from "./picture-format.js";
export { type ResizeOptions, type RgbImage, resize } from "./resize.js";
export { type TrainingOptions, trainingInput, trainingInputOfPixels } from "./training-input.js";
