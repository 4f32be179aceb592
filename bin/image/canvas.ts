// Canvas: an RGB picture to paste other pictures on and to write on.

import type { RgbImage } from "../../runtime/image/resize.js";
import { dotsOf, GLYPH_WIDTH } from "./bitmap-font.js";

export type Color = readonly [red: number, green: number, blue: number];

/** Side of a dot of the font in pixels. */
const DOT = 2;
/** Dots between two characters. */
const GAP = 1;

/** Pixels from one character to the next. */
export const ADVANCE = (GLYPH_WIDTH + GAP) * DOT;

export class Canvas implements RgbImage {
  readonly data: Uint8Array;

  constructor(
    readonly width: number,
    readonly height: number,
    background: Color,
  ) {
    this.data = new Uint8Array(width * height * 3);
    this.fill(0, 0, width, height, background);
  }

  /** What lies outside is cut. */
  fill(left: number, top: number, width: number, height: number, color: Color): void {
    for (let y = Math.max(0, top); y < Math.min(this.height, top + height); y++)
      for (let x = Math.max(0, left); x < Math.min(this.width, left + width); x++)
        this.data.set(color, (y * this.width + x) * 3);
  }

  /** The picture must fit. */
  paste(image: RgbImage, left: number, top: number): void {
    const bytes = image.width * 3;
    for (let y = 0; y < image.height; y++)
      this.data.set(image.data.subarray(y * bytes, (y + 1) * bytes), ((top + y) * this.width + left) * 3);
  }

  write(text: string, left: number, top: number, color: Color): void {
    for (const [place, character] of [...text].entries())
      for (const [column, row] of dotsOf(character))
        this.fill(left + place * ADVANCE + column * DOT, top + row * DOT, DOT, DOT, color);
  }
}
