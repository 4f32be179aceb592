// Regions: the purposes for which a call of the image module reserves memory. Read by both compilers.

/** One address range each, valid from its `reserve` to the next `resetArena`. */
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
  /** Between the two passes of a resize. */
  ResizeRows = 6,
  /** What a transform hands to the caller, u8 [size, size, 3]. */
  Output = 7,
  /** Second picture of an operation that cannot work in place, u8 [height, width, 3]. */
  Spare = 8,
  /** Numbers the caller writes before a call: draws, boxes, weights. */
  Parameters = 9,
  /** A batch of pictures, u8 [count, size, size, 3]. */
  Batch = 10,
  /** Anything short-lived that no other purpose names. */
  Scratch = 11,
}

export const REGION_COUNT = 12;
