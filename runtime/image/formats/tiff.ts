// TIFF: the first image of a baseline file (TIFF 6.0, part 1), also with LZW, Deflate, tiles and 16 bits; equal to
// Pillow's, which turns it upright by its orientation tag. Gray of 16 bits keeps its high byte, where Pillow clips it.

import { Region } from "../../../assembly/image/contract.js";
import type { ImageModule } from "../image-module.js";
import type { FileBytes } from "./file-bytes.js";
import { type Format, type FormatOptions, type Pixels, requireSize } from "./format.js";
import { addDifferences, COMPRESSION_NAMES, EXPANDERS } from "./tiff-data.js";
import { type Directory, readDirectory, Tag } from "./tiff-directory.js";

enum Photometric {
  WhiteIsZero = 0,
  BlackIsZero = 1,
  Rgb = 2,
  Palette = 3,
  Cmyk = 5,
}
const COLORS: Record<number, number> = { 0: 1, 1: 1, 2: 3, 3: 1, 5: 4 };
/** Of an extra sample: colors are multiplied by this opacity. */
const ASSOCIATED = 1;

interface Layout {
  width: number;
  height: number;
  bits: number;
  photometric: number;
  /** Samples per pixel, and how many of them are colors. */
  samples: number;
  colors: number;
  premultiplied: boolean;
  /** Each sample has its own plane. */
  planar: boolean;
  compression: number;
  predictor: number;
  /** Strips are tiles as wide as the picture. */
  tileWidth: number;
  tileHeight: number;
  offsets: readonly number[];
  counts: readonly number[];
  palette: readonly number[];
}

function readLayout(directory: Directory): Layout {
  const { bytes, value, values } = directory;
  const width = value(Tag.Width);
  const height = value(Tag.Height);
  const photometric = value(Tag.Photometric, Photometric.WhiteIsZero);
  const samples = value(Tag.SamplesPerPixel, 1);
  const allBits = values(Tag.BitsPerSample, [1]);
  const bits = allBits[0] ?? 1;
  const colors = COLORS[photometric];
  if (colors === undefined) throw bytes.unsupported(`color space ${photometric}`);
  if (![1, 2, 4, 8, 16].includes(bits) || allBits.some((other) => other !== bits))
    throw bytes.unsupported(`${[...new Set(allBits)].slice(0, 8).join(", ")} bits per sample`);
  if (samples < colors || samples > 16 || (bits < 8 && samples > 1))
    throw bytes.unsupported(`${samples} samples per pixel`);
  if (values(Tag.SampleFormat, [1]).some((format) => format !== 1))
    throw bytes.unsupported("samples that are no whole numbers");
  if (value(Tag.FillOrder, 1) !== 1) throw bytes.unsupported("reversed bits");
  const predictor = value(Tag.Predictor, 1);
  if (predictor > 2 || (predictor === 2 && bits < 8)) throw bytes.unsupported(`predictor ${predictor}`);
  const tiled = values(Tag.TileWidth).length > 0;
  const rowsPerStrip = Math.min(value(Tag.RowsPerStrip, height), height);
  return {
    width,
    height,
    bits,
    photometric,
    samples,
    colors,
    predictor,
    premultiplied: colors === 3 && values(Tag.ExtraSamples)[0] === ASSOCIATED,
    planar: samples > 1 && value(Tag.Planar, 1) === 2,
    compression: value(Tag.Compression, 1),
    tileWidth: tiled ? value(Tag.TileWidth) : width,
    tileHeight: tiled ? value(Tag.TileHeight) : Math.max(rowsPerStrip, 1),
    offsets: values(tiled ? Tag.TileOffsets : Tag.StripOffsets),
    counts: values(tiled ? Tag.TileByteCounts : Tag.StripByteCounts),
    palette: values(Tag.ColorMap),
  };
}

/** Sample `i` of a row as a byte: of 16 bits the high one, of fewer than 8 the value itself. */
function sampleReader(bits: number, little: boolean): (row: Uint8Array, i: number) => number {
  if (bits === 8) return (row, i) => row[i];
  if (bits === 16) return (row, i) => row[2 * i + (little ? 1 : 0)];
  const most = (1 << bits) - 1;
  return (row, i) => (row[(i * bits) >> 3] >> (8 - bits - ((i * bits) & 7))) & most;
}

/** Writes pixel (x of the row) from its samples as bytes. */
type PixelWriter = (samples: ArrayLike<number>, rgb: Uint8Array, to: number) => void;

function pixelWriter({ photometric, bits, palette, premultiplied }: Layout): PixelWriter {
  if (photometric === Photometric.Palette) {
    const entries = 1 << bits;
    return ({ 0: index }, rgb, to) => {
      for (let c = 0; c < 3; c++) rgb[to + c] = palette[c * entries + index] >> 8;
    };
  }
  if (photometric === Photometric.Cmyk)
    return (ink, rgb, to) => {
      // Pillow's conversion: each ink is taken off what black leaves.
      const rest = 255 - ink[3];
      for (let c = 0; c < 3; c++) {
        const product = ink[c] * rest + 128;
        rgb[to + c] = Math.max(0, rest - (((product >> 8) + product) >> 8));
      }
    };
  if (photometric === Photometric.Rgb) {
    if (!premultiplied) return (color, rgb, to) => rgb.set([color[0], color[1], color[2]], to);
    return (color, rgb, to) => {
      const opacity = color[3];
      for (let c = 0; c < 3; c++)
        rgb[to + c] = opacity === 0 ? 0 : Math.min(255, Math.trunc((color[c] * 255) / opacity));
    };
  }
  const scale = bits < 8 ? 255 / ((1 << bits) - 1) : 1;
  const inverted = photometric === Photometric.WhiteIsZero;
  return ({ 0: value }, rgb, to) => rgb.fill(inverted ? 255 - value * scale : value * scale, to, to + 3);
}

/** The tiles, or strips, that a picture is divided into. */
interface Grid {
  across: number;
  down: number;
  planes: number;
  /** Bytes of a row of one tile in one plane. */
  rowBytes: number;
}

function gridOf({ width, height, samples, planar, bits, tileWidth, tileHeight }: Layout): Grid {
  const samplesOfRow = planar ? 1 : samples;
  return {
    across: Math.ceil(width / tileWidth),
    down: Math.ceil(height / tileHeight),
    planes: planar ? samples : 1,
    rowBytes: Math.ceil((tileWidth * samplesOfRow * bits) / 8),
  };
}

/** Compressed bytes of a strip or tile, as far as the file has them. */
function stripOf({ file }: FileBytes, { offsets, counts }: Layout, index: number): Uint8Array {
  const offset = offsets[index] ?? file.length;
  return file.subarray(offset, Math.min(file.length, offset + (counts[index] ?? file.length)));
}

/** Throws `image/corrupt` or `image/truncated` for a grid that the file cannot contain. */
function requireGrid(bytes: FileBytes, layout: Layout, grid: Grid, most: number, partial: boolean): void {
  const { tileWidth, tileHeight, height, width } = layout;
  const { across, down, planes, rowBytes } = grid;
  // A tile may be larger than the picture, but not by so much that it takes memory which the picture would not.
  if (!(tileWidth > 0 && tileHeight > 0) || tileWidth > 2 * width + 1024)
    throw bytes.corrupt(`tiles of ${tileWidth}×${tileHeight} pixels`);
  if (partial) return;
  const strips = across * down * planes;
  if (layout.offsets.length < strips) throw bytes.truncated(0, height);
  let possible = 0;
  for (let i = 0; i < strips; i++) possible += stripOf(bytes, layout, i).length * most;
  if (possible < rowBytes * across * height * planes) throw bytes.truncated(0, height);
}

function decode(file: Uint8Array, options: FormatOptions, module: ImageModule): Pixels {
  const directory = readDirectory(file, options.name);
  const { bytes } = directory;
  const layout = readLayout(directory);
  requireSize("TIFF", layout, options);
  const { width, height, bits, samples, tileWidth, tileHeight, compression } = layout;
  const expander = EXPANDERS.get(compression);
  if (!expander) throw bytes.unsupported(COMPRESSION_NAMES[compression] ?? `compression ${compression}`);
  const grid = gridOf(layout);
  const { across, down, planes, rowBytes } = grid;
  requireGrid(bytes, layout, grid, expander.most, options.partial);

  const rgb = new Uint8Array(width * height * 3);
  const tallest = Math.min(tileHeight, height);
  const tiles = Array.from({ length: planes }, () => new Uint8Array(rowBytes * tallest));
  const sampleAt = sampleReader(bits, bytes.little);
  const write = pixelWriter(layout);
  const pixel = new Uint8Array(samples);
  let rowsDecoded = height;
  for (let band = 0; band < down; band++) {
    const top = band * tileHeight;
    const rows = Math.min(tileHeight, height - top);
    for (let column = 0; column < across; column++) {
      let complete = rows;
      for (let plane = 0; plane < planes; plane++) {
        const index = (plane * down + band) * across + column;
        const tile = tiles[plane].subarray(0, rowBytes * rows);
        const result = expander.expand(module, stripOf(bytes, layout, index), tile);
        if (result < 0 && !options.partial) throw bytes.corrupt("its compressed data");
        const count = result < 0 ? ~result : result;
        complete = Math.min(complete, Math.trunc(count / rowBytes));
        if (layout.predictor === 2)
          for (let row = 0; row < rows; row++)
            addDifferences(
              tile.subarray(row * rowBytes, (row + 1) * rowBytes),
              samples / planes,
              bits,
              bytes.little,
            );
      }
      if (complete < rows && !options.partial) throw bytes.truncated(top + complete, height);
      rowsDecoded = Math.min(rowsDecoded, complete < rows ? top + complete : height);
      const left = column * tileWidth;
      const columns = Math.min(tileWidth, width - left);
      for (let row = 0; row < complete; row++) {
        const rowOf = (plane: number) => tiles[plane].subarray(row * rowBytes, (row + 1) * rowBytes);
        const lines = Array.from({ length: planes }, (_, plane) => rowOf(plane));
        let to = ((top + row) * width + left) * 3;
        for (let x = 0; x < columns; x++, to += 3) {
          for (let s = 0; s < samples; s++)
            pixel[s] = planes > 1 ? sampleAt(lines[s], x) : sampleAt(lines[0], x * samples + s);
          write(pixel, rgb, to);
        }
      }
    }
  }
  const stored = { width, height, data: rgb, rowsDecoded };
  const orientation = directory.value(Tag.Orientation, 1);
  return orientation > 1 && orientation <= 8 ? turnUpright(module, stored, orientation) : stored;
}

function turnUpright(module: ImageModule, { width, height, data }: Pixels, orientation: number): Pixels {
  return module.run(undefined, (call) => {
    const { exports } = call;
    call.put(Region.Rgb, data);
    exports.setPicture(width, height, orientation, height);
    call.check(exports.orientPicture());
    const size = { width: exports.pictureWidth(), height: exports.pictureHeight() };
    return { ...size, data: call.take(Region.Rgb, data.length), rowsDecoded: size.height };
  });
}

export const tiff: Format = {
  readSize(file, name) {
    const { value } = readDirectory(file, name);
    const [width, height] = [value(Tag.Width), value(Tag.Height)];
    const orientation = value(Tag.Orientation, 1);
    const turned = orientation >= 5 && orientation <= 8;
    return { width: turned ? height : width, height: turned ? width : height, orientation: 1 };
  },
  decode,
};
