// Contract: the numbers and records that the image module and its host agree on. Compiled into both, so it holds
// enumerations and constants only.

/** What a call reserves memory for. One address range each, valid from its `reserve` to the next `resetArena`. */
export enum Region {
  /** The file as the caller copied it in, u8 [length]. */
  Input = 0,
  /** Entropy-coded bytes of one restart interval without stuffing, last byte first. */
  Bits = 1,
  /** Decoded samples of the current rows, one plane per component, u8. */
  Planes = 2,
  /** Quantized coefficients of all blocks, i16 [blocks, 64]; only where a picture has several scans. */
  Coefficients = 3,
  /** The decoder's result, u8 [height, width, 3]. */
  Rgb = 4,
  /** Coefficient tables of a resize. */
  ResizeTables = 5,
  /** Rows between the two passes of a resize. */
  ResizeRows = 6,
  /** What a transform returns to the caller, u8 [size, size, 3]. */
  Output = 7,
  /** Second picture of an operation that cannot work in place, u8 [height, width, 3]. */
  Spare = 8,
  /** Numbers that the caller writes before a call: draws, boxes, weights. */
  Parameters = 9,
  /** A batch of pictures, u8 [count, size, size, 3]. */
  Batch = 10,
  /** Any short-lived buffer without a dedicated region above. */
  Scratch = 11,
}

export const REGION_COUNT = 12;

/**
 * How a call ended; 0 is success. `statusOffset`, `statusFound` and `statusAllowed` hold the numbers that explain the
 * others, and runtime/image/failure.ts has the texts.
 */
export enum Status {
  Ok = 0,
  /** A region did not fit into the memory limit. */
  OutOfMemory = 1,
  /** The file does not start with FF D8. */
  NotJpeg = 2,
  /** The data ends inside a header, or before the picture is complete. found: rows that exist, allowed: rows. */
  Truncated = 3,
  /** A segment's content contradicts itself or the standard. found: the marker. */
  CorruptSegment = 4,
  /** Scan data: an impossible code, a missing restart marker, leftover bytes. found: rows that exist. */
  CorruptScan = 5,
  /** No frame header before the first scan, or a second one. */
  CorruptFrame = 6,
  /** A scan refers to a quantization or Huffman table that the file does not define. found: table number. */
  MissingTable = 7,
  /** Width times height is above the pixel limit. found, allowed: pixels. */
  TooLarge = 8,
  /** Width or height is 0 in the frame header. */
  EmptyPicture = 9,
  /** SOF9 and up, or DAC: arithmetic coding. */
  UnsupportedArithmetic = 10,
  /** SOF3, SOF7, SOF11, SOF15: lossless. */
  UnsupportedLossless = 11,
  /** SOF5 to SOF7: hierarchical. */
  UnsupportedHierarchical = 12,
  /** found: bits per sample. */
  UnsupportedPrecision = 13,
  /** found: number of components. */
  UnsupportedComponents = 14,
  /** found: sampling factors, four bits each from the first component on. */
  UnsupportedSampling = 15,
  /** A rectangle outside the picture, a size out of range. */
  BadArgument = 16,
  /** All scans together would take too long. found: the scan that is one too many. */
  TooManyScans = 17,
  /** A PNG file ends too early. found: complete rows, allowed: rows; 0 of 0 inside the chunks before the pixels. */
  PngTruncated = 18,
  /** found: a `PngFault`; allowed: complete rows. */
  PngCorrupt = 19,
  /** found, allowed: pixels. */
  PngTooLarge = 20,
}

/** What a PNG file violates. */
export enum PngFault {
  Signature = 0,
  /** The header is missing or of the wrong size. */
  Header = 1,
  /** Color type and bit depth that do not exist together. */
  ColorType = 2,
  Checksum = 3,
  ChunkName = 4,
  /** The compressed data is damaged. */
  Data = 5,
  /** A row's filter does not exist. */
  Filter = 6,
}

/** Resampling filters; the numbers are Pillow's. */
export enum Filter {
  Nearest = 0,
  Lanczos = 1,
  Bilinear = 2,
  Bicubic = 3,
  Box = 4,
  Hamming = 5,
}

/** How the evaluation transform resizes a picture of another shape than the square input. */
export enum CropMode {
  /** The short side to the given length. */
  Center = 0,
  /** Both sides. */
  Squash = 1,
  /** The long side; what is missing is filled with a color. */
  Border = 2,
}

/** What augmentation does to pixels; the first number of an operation record. */
export enum Operation {
  AutoContrast = 0,
  Equalize = 1,
  Invert = 2,
  /** Argument: top bits to keep, 0 to 8. */
  Posterize = 3,
  /** Argument: threshold; values at or above it are inverted. */
  Solarize = 4,
  /** Argument: what is added to values below 128. */
  SolarizeAdd = 5,
  /** Argument: factor, 1 = unchanged. */
  Brightness = 6,
  Contrast = 7,
  Color = 8,
  Sharpness = 9,
  /** Arguments: a, b, c, d, e, f of x' = a·x + b·y + c, y' = d·x + e·y + f, from output to input. */
  AffineBicubic = 10,
  AffineBilinear = 11,
  /** Argument: quarter turns counterclockwise, 1 to 3; 1 and 3 of a square only. */
  Rotate90 = 12,
  /** Argument: radius in pixels, the standard deviation of the Gaussian that is approximated. */
  GaussianBlur = 13,
}

/** f64 per operation record: the operation's number, then up to six arguments. */
export const OPERATION_FIELDS = 7;

/** A sample's draw in Region.Parameters, f64 each. */
export enum SampleField {
  CropTop = 0,
  CropLeft = 1,
  CropHeight = 2,
  CropWidth = 3,
  /** 1 = mirrored left to right. */
  Flip = 4,
  /** Side of the square output. */
  Size = 5,
  /** A `Filter`. */
  Filter = 6,
  /** Philox key and counter of the erase noise. */
  SeedLow = 7,
  SeedHigh = 8,
  Index = 9,
  Epoch = 10,
  Tag = 11,
  /** Number of erase rectangles. */
  EraseCount = 12,
  /** Number of operation records, which follow the rectangles. */
  OperationCount = 13,
  /** Size that the crop is resized to, of which the output is a window. */
  ResizedHeight = 14,
  ResizedWidth = 15,
  /** The window's first pixel in the resized picture; outside it, pixels are reflected at its edges. */
  WindowTop = 16,
  WindowLeft = 17,
  /** First number of the first rectangle. */
  Erasing = 18,
}

/** f64 per erase rectangle: kind, top, left, height, width. */
export const ERASE_FIELDS = 5;

/** What an erased rectangle is overwritten with. */
export enum EraseKind {
  /** A normal draw for every value. */
  Pixel = 0,
  /** One normal draw per channel for the whole rectangle. */
  Random = 1,
  /** The mean color: 0 of the normalized image. */
  Const = 2,
}

/** What mixing does to a sample of a batch. */
export enum MixKind {
  None = 0,
  Mixup = 1,
  Cutmix = 2,
}

/** f64 per mix record in Region.Parameters, one record a sample: kind, λ, then the box's top, left, height, width. */
export const MIX_FIELDS = 6;
