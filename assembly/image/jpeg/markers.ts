// Markers: the segments of a file, read in order up to a scan or the end.
//
// What libjpeg tolerates is tolerated: bytes between segments, fill bytes, a wrong length of a segment that is
// skipped. What it refuses is refused: unknown markers, impossible lengths of segments that are used.

import { fail } from "../call";
import { Status } from "../contract";
import { readOrientation } from "./exif";
import { readFrame } from "./frame";
import { readHuffman } from "./huffman-tables";
import { picture } from "./picture";
import { readQuantization } from "./quantization";

/** What `readSegments` stopped at. */
export enum Stop {
  Frame = 0,
  Scan = 1,
  /** The end marker. */
  End = 2,
  /** The end of the file in place of a marker. */
  FileEnd = 3,
}

const FRAMES: u32 = 0b1110_1110_1110_1111;

/** Cameras and editors leave a few bytes after the end marker; it is searched for in this many. */
const TRAILING_BYTES: usize = 64;

let base: usize = 0;
let end: usize = 0;
let at: usize = 0;

/** Where the last `readSegments` stopped. */
let stop: Stop = Stop.End;
/** Body of the SOS segment it stopped at. */
let scanHeader: usize = 0;
let scanHeaderEnd: usize = 0;

export function stoppedAt(): Stop {
  return stop;
}

/** Address of the body of the scan header. */
export function scanHeaderStart(): usize {
  return scanHeader;
}

/** Address of the entropy-coded data after the scan header. */
export function scanDataStart(): usize {
  return scanHeaderEnd;
}

/** File offset of an address. */
export function offsetOf(address: usize): usize {
  return address - base;
}

export function fileEnd(): usize {
  return end;
}

/** True if the last bytes of the file contain its end marker. */
export function hasEndMarker(): bool {
  const first = max(base, max(end, TRAILING_BYTES) - TRAILING_BYTES);
  for (let p = end - 2; p >= first; p--) if (load<u16>(p) === 0xd9ff) return true;
  return false;
}

/** Opens a file. The 64 bytes after it may be written: FF D9 there guarantees that a marker is found. */
export function openFile(start: usize, length: usize): Status {
  base = start;
  end = start + length;
  memory.fill(end, 0, 32);
  store<u16>(end, 0xd9ff);
  if (length < 2 || load<u16>(start) !== 0xd8ff) return fail(Status.NotJpeg, 0);
  at = start + 2;
  return Status.Ok;
}

/** Resumes after entropy-coded data. */
export function continueAt(address: usize): void {
  at = address;
}

/** Reads segments up to the next scan or the end; with `untilFrame` up to the frame header. */
export function readSegments(untilFrame: bool): Status {
  while (true) {
    if (at > end) at = end;
    while (at < end && load<u8>(at) !== 0xff) at++;
    while (load<u8>(at) === 0xff) at++;
    const marker = <u32>load<u8>(at);
    const where = at - 1;
    at++;
    if (where >= end || (marker === 0xd9 && at > end)) {
      stop = Stop.FileEnd;
      return picture.frame === 0 || untilFrame ? fail(Status.Truncated, end - base) : Status.Ok;
    }
    if (marker === 0 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (marker === 0xd9) {
      stop = Stop.End;
      return picture.frame === 0 ? fail(Status.CorruptFrame, where - base) : Status.Ok;
    }
    if (marker === 0xd8 || !isKnown(marker)) return fail(Status.CorruptSegment, where - base, marker);
    if (isFrame(marker) && picture.frame !== 0) return fail(Status.CorruptFrame, where - base);
    const length = <usize>bswap(load<u16>(at));
    const body = at + 2;
    at = body + (length > 2 ? length - 2 : 0);
    if (at > end) {
      if (isSkipped(marker)) continue;
      return fail(Status.Truncated, end - base);
    }
    const status = readSegment(marker, body, length, where);
    if (status !== Status.Ok) return status;
    if (marker === 0xda) {
      stop = Stop.Scan;
      return Status.Ok;
    }
    if (untilFrame && picture.frame !== 0) {
      stop = Stop.Frame;
      return Status.Ok;
    }
  }
}

function isFrame(marker: u32): bool {
  return marker >= 0xc0 && marker <= 0xcf && (FRAMES & (1 << (marker & 15))) !== 0;
}

/** SOF, DHT, DAC, SOS, DQT, DNL, DRI, APPn, COM. */
function isKnown(marker: u32): bool {
  if (marker >= 0xe0 && marker <= 0xef) return true;
  if (isFrame(marker) || marker === 0xfe) return true;
  return marker === 0xc4 || marker === 0xcc || (marker >= 0xda && marker <= 0xdd);
}

/** DAC, DNL, APPn, COM: a file that ends inside one of them loses nothing. */
function isSkipped(marker: u32): bool {
  return marker === 0xcc || marker === 0xdc || marker >= 0xe0;
}

/** body [body, at) of a segment whose stated length counts its own two bytes. */
function readSegment(marker: u32, body: usize, length: usize, where: usize): Status {
  if (isFrame(marker)) return readFrame(marker, body, length, where - base);
  switch (marker) {
    case 0xc4:
      return length < 2 ? fail(Status.CorruptSegment, where - base, marker) : readHuffman(body, at, base);
    case 0xdb:
      return length < 2
        ? fail(Status.CorruptSegment, where - base, marker)
        : readQuantization(body, at, base);
    case 0xdd:
      if (length !== 4) return fail(Status.CorruptSegment, where - base, marker);
      picture.restartInterval = <u32>bswap(load<u16>(body));
      return Status.Ok;
    case 0xda:
      if (picture.frame === 0) return fail(Status.CorruptFrame, where - base);
      if (length < 6 || length !== 6 + 2 * <usize>load<u8>(body))
        return fail(Status.CorruptSegment, where - base, marker);
      scanHeader = body;
      scanHeaderEnd = at;
      return Status.Ok;
    case 0xe0:
      if (length >= 16 && load<u32>(body) === 0x4649464a && load<u8>(body, 4) === 0) picture.sawJfif = true;
      return Status.Ok;
    case 0xe1:
      if (picture.orientation === 0) picture.orientation = readOrientation(body, at);
      return Status.Ok;
    case 0xee:
      if (length >= 14 && load<u32>(body) === 0x626f6441 && load<u8>(body, 4) === 0x65) {
        picture.sawAdobe = true;
        picture.adobeTransform = <u32>load<u8>(body, 11);
      }
      return Status.Ok;
    default:
      return Status.Ok;
  }
}
