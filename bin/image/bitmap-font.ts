// Bitmap font: 5 × 8 dots a character, the lowest row for descenders alone. Five columns from left to right, two hexadecimal digits each; the
// lowest bit is the uppermost dot.

export const GLYPH_WIDTH = 5;
const GLYPH_HEIGHT = 8;

const GLYPHS: Record<string, string> = {
  ...{ " ": "0000000000", "%": "2313086462", "(": "001c224100", ")": "0041221c00", "+": "08083e0808" },
  ...{ ",": "0050300000", "-": "0808080808", ".": "0060600000", "/": "2010080402", ":": "0036360000" },
  ...{ "#": "147f147f14", "=": "1414141414", "×": "4428102844", "°": "0006090906", _: "4040404040" },
  ...{ "0": "3e5149453e", "1": "00427f4000", "2": "4261514946", "3": "2141454b31", "4": "1814127f10" },
  ...{ "5": "2745454539", "6": "3c4a494930", "7": "0171090503", "8": "3649494936", "9": "064949291e" },
  ...{ A: "7e1111117e", B: "7f49494936", C: "3e41414122", D: "7f4141221c", E: "7f49494941" },
  ...{ F: "7f09090901", G: "3e41414932", H: "7f0808087f", I: "00417f4100", J: "2040413f01" },
  ...{ K: "7f08142241", L: "7f40404040", M: "7f0204027f", N: "7f0408107f", O: "3e4141413e" },
  ...{ P: "7f09090906", Q: "3e4151215e", R: "7f09192946", S: "4649494931", T: "01017f0101" },
  ...{ U: "3f4040403f", V: "1f2040201f", W: "7f2018207f", X: "6314081463", Y: "0304780403" },
  ...{ Z: "6151494543", a: "2054545478", b: "7f48444438", c: "3844444420", d: "384444487f" },
  ...{ e: "3854545418", f: "087e090102", g: "18a4a4a47c", h: "7f08040478", i: "00447d4000" },
  ...{ j: "4080847d00", k: "007f102844", l: "00417f4000", m: "7c04180478", n: "7c08040478" },
  ...{ o: "3844444438", p: "fc44444438", q: "38444444fc", r: "7c08040408", s: "4854545420" },
  ...{ t: "043f444020", u: "3c4040207c", v: "1c2040201c", w: "3c4030403c", x: "4428102844" },
  ...{ y: "1ca0a0a07c", z: "4464544c44" },
};

/** Dots of a character as (column, row) pairs; a character without a glyph is left blank. */
export function dotsOf(character: string): [column: number, row: number][] {
  const columns = GLYPHS[character] ?? "0000000000";
  const dots: [number, number][] = [];
  for (let column = 0; column < GLYPH_WIDTH; column++) {
    const bits = Number.parseInt(columns.slice(2 * column, 2 * column + 2), 16);
    for (let row = 0; row < GLYPH_HEIGHT; row++) if (bits & (1 << row)) dots.push([column, row]);
  }
  return dots;
}
