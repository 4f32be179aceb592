// Canvas: an RGB picture to paste pictures and write text on, in a bitmap font of 5 × 8 dots per character.

import type { RgbImage } from "../../runtime/image/resize.js";

export type Color = readonly [red: number, green: number, blue: number];

const GLYPH_WIDTH = 5;
const GLYPH_HEIGHT = 8;

/**
 * Each glyph as its character and five columns of two hexadecimal digits, from left to right; the lowest bit is the
 * top dot. The bottom row is for descenders alone.
 */
const GLYPHS: ReadonlyMap<string, string> = new Map(
  [
    " 0000000000 %2313086462 (001c224100 )0041221c00 +08083e0808 ,0050300000 -0808080808 .0060600000",
    "/2010080402 :0036360000 #147f147f14 =1414141414 ×4428102844 °0006090906 _4040404040 03e5149453e",
    "100427f4000 24261514946 32141454b31 41814127f10 52745454539 63c4a494930 70171090503 83649494936",
    "9064949291e A7e1111117e B7f49494936 C3e41414122 D7f4141221c E7f49494941 F7f09090901 G3e41414932",
    "H7f0808087f I00417f4100 J2040413f01 K7f08142241 L7f40404040 M7f0204027f N7f0408107f O3e4141413e",
    "P7f09090906 Q3e4151215e R7f09192946 S4649494931 T01017f0101 U3f4040403f V1f2040201f W7f2018207f",
    "X6314081463 Y0304780403 Z6151494543 a2054545478 b7f48444438 c3844444420 d384444487f e3854545418",
    "f087e090102 g18a4a4a47c h7f08040478 i00447d4000 j4080847d00 k007f102844 l00417f4000 m7c04180478",
    "n7c08040478 o3844444438 pfc44444438 q38444444fc r7c08040408 s4854545420 t043f444020 u3c4040207c",
    "v1c2040201c w3c4030403c x4428102844 y1ca0a0a07c z4464544c44",
  ].flatMap((row) =>
    row.split(/ (?=.[0-9a-f]{10})/).map((glyph): [string, string] => [glyph[0], glyph.slice(1)]),
  ),
);

/** Dots of a character as (column, row) pairs; none for a character without a glyph. */
function dotsOf(character: string): [column: number, row: number][] {
  const columns = GLYPHS.get(character) ?? "0000000000";
  const dots: [number, number][] = [];
  for (let column = 0; column < GLYPH_WIDTH; column++) {
    const bits = Number.parseInt(columns.slice(2 * column, 2 * column + 2), 16);
    for (let row = 0; row < GLYPH_HEIGHT; row++) if (bits & (1 << row)) dots.push([column, row]);
  }
  return dots;
}

/** Side of a dot of the font in pixels. */
const DOT = 2;
/** Dots between two characters. */
const GAP = 1;

/** Pixels from one character to the next. */
const ADVANCE = (GLYPH_WIDTH + GAP) * DOT;

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

  /** Clipped to the canvas. */
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
