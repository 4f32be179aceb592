// Picture: what the headers say about the file being decoded. There is one at a time, and every stage reads it.

/** No supported color space has more components. */
export const MAX_COMPONENTS: u32 = 4;

/** How a component is brought to full size; see upsample.ts. */
export enum Upsampling {
  /** One sample per pixel. */
  Full = 0,
  /** Triangle filter across, 2:1. */
  FancyAcross = 1,
  /** Triangle filter down, 2:1. */
  FancyDown = 2,
  /** Triangle filter both ways, 2:1. */
  FancyBoth = 3,
  /** Whole-number replication. */
  Replicate = 4,
}

/** What the components mean. */
export enum ColorSpace {
  Gray = 0,
  YCbCr = 1,
  Rgb = 2,
  /** Inverted, as Adobe stores it: 255 is no ink. */
  Cmyk = 3,
  /** C, M and Y converted to YCbCr, then K. */
  Ycck = 4,
}

@unmanaged
export class Component {
  /** Identifier by which scans refer to it. */
  id: u32;
  /** Sampling factors across and down, 1…4. */
  h: u32;
  v: u32;
  /** Sampling factor down as the header declares it: a single component is decoded with 1. */
  declaredV: u32;
  /** Number of its quantization table. */
  quantization: u32;
  /** Samples across and down that a block becomes: 8, or less where the picture is decoded smaller. */
  side: u32;
  /** Blocks across and down that cover the picture, without the padding to whole units. */
  columns: u32;
  rows: u32;
  /** Size in samples: the picture's, scaled by its factors, rounded up. */
  width: u32;
  height: u32;
  /** Pixels a sample covers, across and down. */
  spanX: u32;
  spanY: u32;
  upsampling: Upsampling;
  /** Its quantization table, i16 [64] in natural order, as defined when its first scan began. */
  multipliers: usize;
  /** Sample (0, 0) of the current rows in Region.Planes, and bytes from row to row. */
  plane: usize;
  stride: usize;
  /** Huffman tables of the current scan. */
  dcTable: usize;
  acTable: usize;
  /** Its blocks if they are stored (see coefficients.ts), and the number of blocks in a row. */
  coefficients: usize;
  blocksAcross: u32;
  /** In a progressive frame, u64 per block: which of its zigzag positions are nonzero. */
  masks: usize;
  /** DC value that the next block's difference is added to. */
  prediction: i32;
}

@unmanaged
export class Picture {
  /** Size in pixels: the file's, or, once a decode has been prepared, the result's. */
  width: u32;
  height: u32;
  precision: u32;
  /** Second byte of the frame marker: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, …; 0 before it. */
  frame: u32;
  /** Byte of the frame marker. */
  frameOffset: u32;
  componentCount: u32;
  hMax: u32;
  vMax: u32;
  /** Pixels across and down that a block of the finest component becomes: 8, 4, 2 or 1. */
  side: u32;
  /** Minimum coded units across and down in an interleaved scan. */
  mcusAcross: u32;
  mcusDown: u32;
  /** Units between restart markers, 0 = none. */
  restartInterval: u32;
  sawJfif: bool;
  sawAdobe: bool;
  adobeTransform: u32;
  colorSpace: ColorSpace;
  /** EXIF orientation 1…8, 0 if the file has none. */
  orientation: u32;
  /** True if a filter needs the rows above and below. */
  needsContext: bool;
  /** Rows that intact data covers. */
  rowsDecoded: u32;
}

const componentBytes = memory.data(4 * 96, 16);

export const picture = changetype<Picture>(memory.data(128, 16));

export function component(index: u32): Component {
  return changetype<Component>(componentBytes + <usize>index * 96);
}

/** Forgets the previous file. */
export function resetPicture(): void {
  memory.fill(componentBytes, 0, 4 * 96);
  memory.fill(changetype<usize>(picture), 0, offsetof<Picture>());
}

/** Describes a picture that the host decoded, so that it can be made upright as one that was decoded here. */
export function setPicture(width: u32, height: u32, orientation: u32, rows: u32): void {
  resetPicture();
  picture.width = width;
  picture.height = height;
  picture.orientation = orientation;
  picture.rowsDecoded = rows;
}

export function pictureWidth(): u32 {
  return picture.width;
}

export function pictureHeight(): u32 {
  return picture.height;
}

export function pictureComponents(): u32 {
  return picture.componentCount;
}

export function pictureOrientation(): u32 {
  return max(picture.orientation, 1);
}

/** Horizontal << 4 | vertical sampling factor. */
export function pictureSampling(index: u32): u32 {
  const c = component(index);
  return (c.h << 4) | c.v;
}

export function pictureFrame(): u32 {
  return picture.frame;
}

export function picturePrecision(): u32 {
  return picture.precision;
}

export function pictureRows(): u32 {
  return picture.rowsDecoded;
}
