// Canvas decoder: formats that only the browser reads, such as HEIC in Safari, and kinds of JPEG that Vitrine refuses.

import { VitrineError } from "../../runtime/errors.js";
import type { RgbImage } from "../../runtime/image/resize.js";

/**
 * Upright as its EXIF says. A canvas multiplies colors by their opacity, so that what is transparent loses its color;
 * no format that Vitrine reads comes here. Throws `image/unreadable`.
 */
export async function decodeOnCanvas(file: Uint8Array): Promise<RgbImage> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([file as Uint8Array<ArrayBuffer>]), {
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch (cause) {
    const text = "neither Vitrine nor this browser can decode the file";
    throw new VitrineError("image/unreadable", text, { cause });
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new VitrineError("image/unreadable", "this browser has no canvas to decode with");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { width, height, data };
}
