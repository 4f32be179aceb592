// Picture reader: a picture file → the model's input, upright, for inference. What Vitrine does not read, a page may
// leave to its browser.

import { isVitrineError, type VitrineError } from "../errors.js";
import { type Advice, withAdvice } from "./advice.js";
import { evaluationInputOfPixels } from "./evaluation-input.js";
import type { ImageModule } from "./image-module.js";
import type { InputTransform } from "./input-transform.js";
import { type EvaluatedPicture, evaluateFile } from "./picture.js";
import {
  isPictureFormat,
  type OtherKind,
  type PictureFormat,
  pictureKind,
  requirePictureFormat,
} from "./picture-format.js";
import type { RgbImage } from "./resize.js";

/** Limits of reading a picture for inference, and how its errors speak. */
export interface ReadingOptions {
  /** Names the file in errors. */
  name?: string;
  /** Largest number of pixels that a header may claim; a larger JPEG picture is decoded smaller. Default 178,956,970. */
  pixelLimit?: number;
  /** What helps the user of the caller. Default: errors name no options, since who sends a picture has none. */
  advice?: Advice;
}

type ReaderOptions = InputTransform & ReadingOptions;

/** Decodes a file that Vitrine does not read. Throws where the platform does not read it either. */
export type PlatformDecoder = (file: Uint8Array) => Promise<RgbImage>;

/** What the reader made of a file, turned upright where EXIF says how. */
export interface Picture extends Omit<EvaluatedPicture, "format"> {
  /** Undefined for a format that only the platform knows. */
  format: PictureFormat | OtherKind | undefined;
  decodedBy: "vitrine" | "platform";
}

/** Kinds of JPEG that are not decoded here: arithmetic coding, 12 bits. */
function isUnsupported(error: VitrineError): boolean {
  return error.code === "image/unsupported" || error.code.startsWith("jpeg/unsupported-");
}

/** A picture file → the model's input, uint8 [size, size, 3], upright. Throws what `decodePicture` throws. */
export async function readPicture(
  module: ImageModule,
  file: Uint8Array,
  options: ReaderOptions,
): Promise<Uint8Array> {
  return (await readWithFacts(module, file, options)).pixels;
}

async function readWithFacts(
  module: ImageModule,
  file: Uint8Array,
  options: ReaderOptions,
): Promise<EvaluatedPicture> {
  try {
    return await evaluateFile(module, file, { ...options, orient: true, shrink: true });
  } catch (error) {
    throw withAdvice(error, options.advice ?? {});
  }
}

/**
 * As `readPicture`; what Vitrine does not read goes to the platform's decoder. A damaged file of a format that Vitrine
 * reads is refused: another decoder might hide what is missing.
 */
export async function readPictureAnywhere(
  module: ImageModule,
  file: Uint8Array,
  options: ReaderOptions,
  decodeOther: PlatformDecoder,
): Promise<Picture> {
  const kind = pictureKind(file);
  if (file.length === 0 || isPictureFormat(kind)) {
    try {
      return { ...(await readWithFacts(module, file, options)), decodedBy: "vitrine" };
    } catch (error) {
      if (!isVitrineError(error) || !isUnsupported(error)) throw error;
    }
  }
  const image = await decodeOther(file).catch((error: unknown) => {
    // A format that has a name is refused by it.
    if (kind !== undefined) requirePictureFormat(file, options.name);
    throw error;
  });
  const { width, height } = image;
  const pixels = evaluationInputOfPixels(module, image, options);
  return { pixels, format: kind, width, height, scale: 1, decodedBy: "platform" };
}
