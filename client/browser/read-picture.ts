// Read picture: a file → the model's input. JPEG goes through our own decoder, the same that Node uses; what it does
// not take (PNG, WebP, arithmetic-coded JPEG …) the browser decodes, and our resize does the rest. Both see it upright.

import { type ErrorCode, isVitrineError, VitrineError } from "../../runtime/errors.js";
import { evaluationInput, evaluationInputOfPixels } from "../../runtime/image/evaluation-input.js";
import type { RgbImage } from "../../runtime/image/resize.js";
import type { ClassifierConfig } from "../../runtime/models/config.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { Classification } from "./messages.js";

export interface PictureInput {
  /** uint8 [size, size, 3]. */
  pixels: Uint8Array;
  decodedBy: Classification["decodedBy"];
}

/** A sound file of a kind that is not ours; damaged files stay refused, lest the browser hide what is missing. */
function isForeignKind(code: ErrorCode): boolean {
  return code === "jpeg/not-jpeg" || code.startsWith("jpeg/unsupported-");
}

/** Upright as its EXIF says, transparency dropped. Throws `image/unreadable`. */
async function decodeInBrowser(file: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([file]), {
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch (cause) {
    throw new VitrineError("image/unreadable", "neither Vitrine nor this browser can decode the file", {
      cause,
    });
  }
  const { width, height } = bitmap;
  const surface = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!surface) throw new VitrineError("image/unreadable", "this browser has no canvas to decode with");
  surface.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = surface.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from]!;
    data[to + 1] = rgba[from + 1]!;
    data[to + 2] = rgba[from + 2]!;
  }
  return { width, height, data };
}

/** Throws `jpeg/…` or `image/…`. */
export async function readPicture(
  { image }: Runtime,
  { imageSize: size, cropRatio }: ClassifierConfig,
  file: Uint8Array<ArrayBuffer>,
): Promise<PictureInput> {
  try {
    return { pixels: evaluationInput(image, file, { size, cropRatio, orient: true }), decodedBy: "vitrine" };
  } catch (error) {
    if (!isVitrineError(error) || !isForeignKind(error.code)) throw error;
  }
  const picture = await decodeInBrowser(file);
  return { pixels: evaluationInputOfPixels(image, picture, { size, cropRatio }), decodedBy: "browser" };
}
