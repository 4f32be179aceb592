// Decode: a JPEG file in Region.Input → RGB in Region.Rgb. The order of the stages, and nothing else.

import { regionStart } from "../memory";
import { fail } from "../outcome";
import { Region } from "../regions";
import { Status } from "../status";
import { stretchEnd } from "./bits";
import { decodeBufferedScans } from "./buffered-scans";
import { prepareFrame } from "./frame";
import { resetHuffman } from "./huffman";
import { continueAt, offsetOf, openFile, readSegments, Stop, scanHeaderStart, stoppedAt } from "./markers";
import { picture, resetPicture } from "./picture";
import { resetQuantization } from "./quantization";
import { readScanHeader, ScanKind, scanComponentCount, scanKind } from "./scan-header";
import { decodeSequentialScan } from "./sequential-scan";

/** Reads as far as the frame header of the file of `length` bytes in Region.Input; decodes nothing. */
export function readJpegHeader(length: usize): Status {
  const opened = open(length);
  return opened !== Status.Ok ? opened : readSegments(true);
}

/**
 * Decodes the file of `length` bytes in Region.Input to Region.Rgb, u8 [picture.height, picture.width, 3]. A
 * picture of more than `pixelLimit` pixels is refused before memory is reserved. With `partial`, damaged scan
 * data leaves gray and `picture.rowsDecoded` tells how far intact data reached.
 */
export function decodeJpeg(length: usize, pixelLimit: f64, partial: bool): Status {
  let status = open(length);
  if (status === Status.Ok) status = readSegments(false);
  // What is too large is refused as such even if the file breaks off behind its frame header.
  const pixels = <f64>picture.width * <f64>picture.height;
  if (pixels > pixelLimit) return fail(Status.TooLarge, picture.frameOffset, pixels, pixelLimit);
  if (status !== Status.Ok) return status;
  status = prepareFrame();
  if (status === Status.Ok && stoppedAt() !== Stop.Scan) status = fail(Status.Truncated, length);
  if (status === Status.Ok) status = readScanHeader();
  if (status !== Status.Ok) return status;
  if (scanKind() !== ScanKind.Sequential || scanComponentCount() !== picture.componentCount)
    return decodeBufferedScans(partial);
  status = decodeSequentialScan(partial);
  return status !== Status.Ok ? status : readTrailer(partial);
}

function open(length: usize): Status {
  resetPicture();
  resetHuffman();
  resetQuantization();
  const start = regionStart(Region.Input);
  return start === 0 ? fail(Status.BadArgument, 0) : openFile(start, length);
}

/** Behind the only scan come at most segments without meaning; a missing end marker is forgiven. */
function readTrailer(partial: bool): Status {
  continueAt(stretchEnd);
  const status = readSegments(false);
  if (partial || (status === Status.Ok && stoppedAt() !== Stop.Scan)) return Status.Ok;
  return status === Status.Ok ? fail(Status.CorruptFrame, offsetOf(scanHeaderStart())) : status;
}
