// Decode: a JPEG file in Region.Input → RGB in Region.Rgb. This file is the order of the stages.

import { fail, regionStart } from "../call";
import { Region, Status } from "../contract";
import { segmentEnd } from "./bits";
import { decodeBufferedScans } from "./buffered-scans";
import { prepareFrame } from "./frame";
import { resetHuffman } from "./huffman-tables";
import { continueAt, offsetOf, openFile, readSegments, Stop, scanHeaderStart, stoppedAt } from "./markers";
import { picture, resetPicture } from "./picture";
import { resetQuantization } from "./quantization";
import { readScanHeader, ScanKind, scanComponentCount, scanKind } from "./scan-header";
import { decodeSequentialScan } from "./sequential-scan";
import { setWindow } from "./window";

/** Reads the file of `length` bytes in Region.Input up to its frame header; decodes nothing. */
export function readJpegHeader(length: usize): Status {
  const opened = open(length);
  return opened !== Status.Ok ? opened : readSegments(true);
}

/**
 * Decodes the file of `length` bytes in Region.Input to Region.Rgb, u8 [picture.height, picture.width, 3]. A
 * picture of more than `pixelLimit` pixels is refused before memory is reserved. With `partial`, damaged scan
 * data leaves gray and `picture.rowsDecoded` is the number of rows that intact data covers.
 */
export function decodeJpeg(length: usize, pixelLimit: f64, partial: bool): Status {
  return decodeJpegScaled(length, pixelLimit, partial, 8, false);
}

/**
 * As decodeJpeg, `side` / 8 as large in both directions: 8, 4, 2 or 1, from as many frequencies of each block. With
 * `handOver` the rows go to the host as they are finished, and Region.Rgb is empty afterward.
 */
export function decodeJpegScaled(
  length: usize,
  pixelLimit: f64,
  partial: bool,
  side: u32,
  handOver: bool,
): Status {
  let status = prepare(length, pixelLimit, side);
  if (status !== Status.Ok) return status;
  setWindow(0, 0, picture.width, picture.height);
  if (!isSingleScan()) return decodeBufferedScans(partial, handOver);
  status = decodeSequentialScan(partial, handOver);
  return status === Status.Ok ? readTrailer(partial) : status;
}

/**
 * As decodeJpegScaled, but only the given rectangle of its pixels, u8 [height, width, 3] in Region.Rgb: the same bytes
 * as in a whole decode. Damage below the rectangle goes unnoticed; truncation does not.
 */
export function decodeJpegWindow(
  length: usize,
  pixelLimit: f64,
  partial: bool,
  side: u32,
  left: u32,
  top: u32,
  width: u32,
  height: u32,
  handOver: bool,
): Status {
  const status = prepare(length, pixelLimit, side);
  if (status !== Status.Ok) return status;
  if (!setWindow(left, top, width, height)) {
    const across = left + width > picture.width || width === 0;
    return across
      ? fail(Status.BadArgument, 0, <f64>left + <f64>width, picture.width)
      : fail(Status.BadArgument, 0, <f64>top + <f64>height, picture.height);
  }
  return isSingleScan() ? decodeSequentialScan(partial, handOver) : decodeBufferedScans(partial, handOver);
}

/** Reads and checks everything before the first scan's data. */
function prepare(length: usize, pixelLimit: f64, side: u32): Status {
  if (side !== 8 && side !== 4 && side !== 2 && side !== 1) return fail(Status.BadArgument, 0, side, 8);
  let status = open(length);
  if (status === Status.Ok) status = readSegments(false);
  // A picture that is too large is refused as such even if the file ends right after its frame header.
  const pixels = <f64>picture.width * <f64>picture.height;
  if (pixels > pixelLimit) return fail(Status.TooLarge, picture.frameOffset, pixels, pixelLimit);
  if (status !== Status.Ok) return status;
  status = prepareFrame(side);
  if (status === Status.Ok && stoppedAt() !== Stop.Scan) status = fail(Status.Truncated, length);
  return status === Status.Ok ? readScanHeader() : status;
}

/** True if one sequential scan has all components, so that no coefficients need to be stored. */
function isSingleScan(): bool {
  return scanKind() === ScanKind.Sequential && scanComponentCount() === picture.componentCount;
}

function open(length: usize): Status {
  resetPicture();
  resetHuffman();
  resetQuantization();
  const start = regionStart(Region.Input);
  return start === 0 ? fail(Status.BadArgument, 0) : openFile(start, length);
}

/** After the only scan, other segments are ignored but a second scan is an error; a missing end marker is tolerated. */
function readTrailer(partial: bool): Status {
  continueAt(segmentEnd);
  const status = readSegments(false);
  if (partial || (status === Status.Ok && stoppedAt() !== Stop.Scan)) return Status.Ok;
  return status === Status.Ok ? fail(Status.CorruptFrame, offsetOf(scanHeaderStart())) : status;
}
