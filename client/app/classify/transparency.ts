// Transparency: whether a picture has transparent parts, where the page shows what is behind it and the model sees a color.

import type { PictureFacts } from "../../browser/contract.js";

/** Smaller transparent parts than a pixel of so many across change no verdict. */
const SIDE = 128;

/**
 * Whether the page should look at all: most pictures are JPEG, which has no transparency, and looking means to decode the
 * file once more.
 */
export function mayBeTransparent({ format }: PictureFacts): boolean {
  return format !== "JPEG";
}

/** Decodes the file beside the page's own thread: drawing a large <img> would stop the page until it is decoded. */
export async function hasTransparency(file: File): Promise<boolean> {
  const size = { resizeWidth: SIDE, resizeHeight: SIDE, resizeQuality: "medium" } as const;
  const bitmap = await createImageBitmap(file, size).catch(() => undefined);
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  if (!bitmap || !context) return false;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return data.some((value, place) => place % 4 === 3 && value < 255);
}

/** What the model sees there, for the caption. */
export function transparencyLine({ decodedBy }: PictureFacts): string {
  return decodedBy === "vitrine"
    ? "Parts are transparent: the model sees the colors that the file keeps under them, which are not shown here."
    : "Parts are transparent: the model sees black where nothing is shown.";
}
