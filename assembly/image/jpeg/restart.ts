// Restart: the segments of entropy-coded data between restart markers, and how a decoder resynchronizes after damage.

import { fail } from "../call";
import { Status } from "../contract";
import { bitsLength, byteNear, segmentEnd, unpackSegment } from "./bits";
import { sawBadCode } from "./huffman-lookup";
import { fileEnd, offsetOf } from "./markers";
import { component, picture } from "./picture";

/** Units left in the current interval, and the number (0…7) that its closing marker must have. */
let unitsLeft: u32 = 0;
let nextNumber: u32 = 0;
/** The segment has no more data; units up to the next restart stay gray. */
let exhausted: bool = false;
/** A marker was missing or out of sequence since the scan began. */
let outOfSequence: bool = false;

export function isExhausted(): bool {
  return exhausted;
}

export function sawWrongMarker(): bool {
  return outOfSequence;
}

/** Begins a scan whose data starts at `at`; the caller starts reading at bit 0. */
export function beginScan(at: usize): void {
  unpackSegment(at);
  unitsLeft = picture.restartInterval;
  nextNumber = 0;
  exhausted = false;
  outOfSequence = false;
  clearPredictions();
}

/** True where a new interval begins before the next unit: then the reader starts again at bit 0. */
export function beginUnit(): bool {
  if (picture.restartInterval === 0) return false;
  if (unitsLeft-- !== 0) return false;
  unitsLeft = picture.restartInterval - 1;
  beginInterval();
  return true;
}

/** True if position p is beyond the data; from then on the interval is exhausted. */
export function noticeEnd(p: u32): bool {
  if (p <= bitsLength) return false;
  exhausted = true;
  return true;
}

function clearPredictions(): void {
  for (let i: u32 = 0; i < picture.componentCount; i++) component(i).prediction = 0;
}

/**
 * Advances to the expected marker by libjpeg's rule: one that is up to two ahead is left for its own interval; one
 * that is up to two behind is skipped, and so is anything that is not a restart marker.
 */
function beginInterval(): void {
  const expected = nextNumber;
  nextNumber = (nextNumber + 1) & 7;
  clearPredictions();
  let at = segmentEnd;
  while (true) {
    while (load<u8>(at + 1) === 0xff) at++;
    const marker = <u32>load<u8>(at + 1);
    if (marker >= 0xc0 && (marker < 0xd0 || marker > 0xd7)) break;
    const ahead = (marker - expected) & 7;
    if (marker >= 0xd0 && (ahead === 1 || ahead === 2)) break;
    if (marker >= 0xd0 && ahead !== 6 && ahead !== 7) {
      if (ahead !== 0) outOfSequence = true;
      exhausted = false;
      unpackSegment(at + 2);
      return;
    }
    outOfSequence = true;
    unpackSegment(at + 2);
    at = segmentEnd;
  }
  outOfSequence = true;
  exhausted = true;
}

/**
 * Reports scan data that ends early: truncated if the file ends there, else corrupt; `rows` rows of pixels came
 * before.
 */
export function describeDamage(p: u32, rows: u32): Status {
  if (segmentEnd >= fileEnd() && !sawBadCode)
    return fail(Status.Truncated, offsetOf(fileEnd()), rows, picture.height);
  return fail(Status.CorruptScan, offsetOf(byteNear(p)), rows, picture.height);
}
