// Picture reader: an encoded picture file → the model's input, upright. JPEG goes through our own decoder; for every
// other format the platform passes in a decoder (a PNG library in Node, the canvas in a browser).

import { isVitrineError, VitrineError } from "../errors.js";
import { foreignKind, requireBytes } from "./decode.js";
import { evaluationInput, evaluationInputOfPixels } from "./evaluation-input.js";
import type { ImageModule } from "./image-module.js";
import type { InputTransform } from "./input-transform.js";
import type { RgbImage } from "./resize.js";

export interface PictureOptions extends InputTransform {
  /** Names the file in errors. */
  name?: string;
}

/**
 * Decodes a file that our decoder does not take. `format` is its name, such as "PNG" or "WebP"; undefined where the
 * first bytes do not tell, or for a kind of JPEG that we do not decode (arithmetic coding, 12 bits). Returns undefined
 * for a format that this decoder does not take either.
 */
export type PlatformDecoder = (
  file: Uint8Array,
  format: string | undefined,
) => RgbImage | Promise<RgbImage> | undefined;

export interface Picture {
  /** uint8 [size, size, 3], RGB, turned upright where EXIF says how, resized and center-cropped. */
  pixels: Uint8Array;
  decodedBy: "vitrine" | "platform";
}

/** Advice of the decoder's own errors that names options which a reader's caller does not have. */
const DECODER_ADVICE = / \((?:option \w+|decode with [^()]*)\)$/;

/** A JPEG file → uint8 [size, size, 3], upright. Throws `jpeg/…` and `image/out-of-memory`. */
export function readJpeg(module: ImageModule, jpeg: Uint8Array, options: PictureOptions): Uint8Array {
  requireBytes(jpeg, options.name);
  try {
    return evaluationInput(module, jpeg, { ...options, orient: true });
  } catch (error) {
    if (!isVitrineError(error) || !DECODER_ADVICE.test(error.message)) throw error;
    const { code, message, details } = error;
    throw new VitrineError(code, message.replace(DECODER_ADVICE, ""), { details, cause: error });
  }
}

/** True for an intact file of another kind. A damaged JPEG is refused: another decoder might hide what is missing. */
function isOtherFormat(error: unknown): error is VitrineError {
  if (!isVitrineError(error)) return false;
  return error.code === "jpeg/not-jpeg" || error.code.startsWith("jpeg/unsupported-");
}

/** A picture file of any format that we or `decodeOther` take. Throws what `readJpeg` and `decodeOther` throw. */
export async function readPicture(
  module: ImageModule,
  file: Uint8Array,
  options: PictureOptions,
  decodeOther: PlatformDecoder,
): Promise<Picture> {
  let refusal: VitrineError;
  try {
    return { pixels: readJpeg(module, file, options), decodedBy: "vitrine" };
  } catch (error) {
    if (!isOtherFormat(error)) throw error;
    refusal = error;
  }
  const image = await decodeOther(file, foreignKind(file));
  if (image === undefined) throw refusal;
  return { pixels: evaluationInputOfPixels(module, image, options), decodedBy: "platform" };
}
