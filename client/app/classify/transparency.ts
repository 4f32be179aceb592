// Transparency: whether a picture has transparent parts, where the page shows what is behind it and the model sees a color.

import type { PictureFacts } from "../../browser/contract.js";

/** Smaller transparent parts than a pixel of so many across change no verdict. */
const SIDE = 128;

/** Of an image that has loaded. */
export function hasTransparency(image: HTMLImageElement): boolean {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return false;
  context.drawImage(image, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return data.some((value, place) => place % 4 === 3 && value < 255);
}

/** What the model sees there, for the caption. */
export function transparencyLine({ decodedBy }: PictureFacts): string {
  return decodedBy === "vitrine"
    ? "Parts are transparent: the model sees the colors that the file keeps under them, which are not shown here."
    : "Parts are transparent: the model sees black where nothing is shown.";
}
