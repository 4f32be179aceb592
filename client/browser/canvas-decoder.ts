// Canvas decoder: formats that only the browser reads, such as HEIC in Safari, kinds of JPEG that Vitrine refuses, and
// what a page has drawn. A canvas multiplies colors by their opacity, so that what is transparent loses its color.

import { VitrineError } from "../../runtime/errors.js";
import { subjectPrefix } from "../../runtime/image/failure.js";
import type { RgbImage } from "../../runtime/image/resize.js";

interface RgbaImage {
  width: number;
  height: number;
  /** uint8 [height, width, 4]. */
  data: Uint8ClampedArray;
}

/** Drops the opacity: the colors stay as they are. */
export function rgbOfRgba({ width, height, data: rgba }: RgbaImage): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { width, height, data };
}

/** The pixels of a bitmap, which is closed. Throws `image/unreadable` where the browser has no canvas of its size. */
export function pixelsOfBitmap(bitmap: ImageBitmap): RgbImage {
  const { width, height } = bitmap;
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("no canvas");
    context.drawImage(bitmap, 0, 0);
    return rgbOfRgba(context.getImageData(0, 0, width, height));
  } catch (cause) {
    const text = `this browser has no canvas of ${width}×${height} pixels to read the picture with`;
    throw new VitrineError("image/unreadable", text, { details: { width, height }, cause });
  } finally {
    bitmap.close();
  }
}

/** Upright as its EXIF says. `check` throws for a size that is not allowed. Throws `image/unreadable`. */
export async function decodeOnCanvas(
  file: Uint8Array,
  name: string | undefined,
  check: (bitmap: ImageBitmap) => void,
): Promise<RgbImage> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([file as Uint8Array<ArrayBuffer>]), {
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch (cause) {
    const text = `${subjectPrefix(name)}neither Vitrine nor this browser can decode the file`;
    throw new VitrineError("image/unreadable", text, { details: { subject: name }, cause });
  }
  check(bitmap);
  return pixelsOfBitmap(bitmap);
}
