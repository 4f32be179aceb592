// vitrine/image: what the package exports for decoding and transforming pictures.

export { isVitrineError, VitrineError } from "../errors.js";
export {
  DEFAULT_PIXEL_LIMIT,
  type DecodedImage,
  type DecodeOptions,
  decode,
  type FrameKind,
  type JpegHeader,
  readHeader,
} from "./decode.js";
export { createImageModule, type ImageModule, type ImageModuleOptions } from "./image-module.js";
