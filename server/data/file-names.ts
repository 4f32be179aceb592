// File names: which ones pictures have, how one is shown, and the order of several.

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

/** UTF-16 units ranked by code point: surrogates (above U+FFFF) come after U+E000 … U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * The order of classes and files, the same on every machine, whatever its locale: negative if `a` comes first.
 * JavaScript's own `<` compares UTF-16 units, which differs above U+FFFF.
 */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
