// Status: how a call of the image module ended. Read by both compilers; runtime/image/failure.ts has the texts.

/** 0 is success; `statusOffset`, `statusFound` and `statusAllowed` hold the numbers that belong to the others. */
export enum Status {
  Ok = 0,
  /** A region did not fit into the memory limit. */
  OutOfMemory = 1,
  /** The file does not start with FF D8. */
  NotJpeg = 2,
  /** The data ends inside a header, or before the picture is complete. found: rows that are there, allowed: rows. */
  Truncated = 3,
  /** A segment's content contradicts itself or the standard. found: the marker. */
  CorruptSegment = 4,
  /** Scan data: an impossible code, a missing restart marker, bytes left over. found: rows that are there. */
  CorruptScan = 5,
  /** No frame header before the first scan, or a second one. */
  CorruptFrame = 6,
  /** A scan names a quantization or Huffman table that the file does not bring. found: table number. */
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
  /** found: bits a sample. */
  UnsupportedPrecision = 13,
  /** found: number of components. */
  UnsupportedComponents = 14,
  /** found: sampling factors, four bits each from the first component down. */
  UnsupportedSampling = 15,
  /** A rectangle outside the picture, a size out of range. */
  BadArgument = 16,
  /** All scans together would take too long. found: the scan that is one too many. */
  TooManyScans = 17,
}
