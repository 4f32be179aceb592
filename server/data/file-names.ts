// File names: which ones pictures have, and how one is shown.

import { isUtf8 } from "node:buffer";

/** Names that pictures of a format that is read have. What a file is, its content decides. */
export const PICTURE_NAME = /\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|avif|ppm|pgm)$/i;

/** A name as text: bytes that are not UTF-8 are shown as \xNN. */
export function nameText(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((some) => isUtf8(bytes.subarray(at, at + some))) ?? 0;
    text +=
      length === 0
        ? `\\x${bytes[at].toString(16).padStart(2, "0")}`
        : Buffer.from(bytes.subarray(at, at + length)).toString();
    at += Math.max(1, length);
  }
  return text;
}
