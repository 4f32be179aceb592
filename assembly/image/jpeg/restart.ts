// Restart: stretches of entropy-coded data between markers, and how to find one's place again after damage.

import { bitsLength, stretchEnd, unpackStretch } from "./bits";
import { component, picture } from "./picture";

/** Units left in the current interval, and the number (0…7) that its closing marker must have. */
let unitsLeft: u32 = 0;
let nextNumber: u32 = 0;
/** The stretch holds nothing more; units up to the next restart stay gray. */
let exhausted: bool = false;
/** A marker was missing or out of turn since the scan began. */
let outOfTurn: bool = false;

export function isExhausted(): bool {
  return exhausted;
}

export function metWrongMarker(): bool {
  return outOfTurn;
}

/** Begins a scan whose data starts at `at`; the caller starts reading at bit 0. */
export function beginScan(at: usize): void {
  unpackStretch(at);
  unitsLeft = picture.restartInterval;
  nextNumber = 0;
  exhausted = false;
  outOfTurn = false;
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

/** Tells whether position p lies beyond the data; from then on the interval is exhausted. */
export function noticeEnd(p: u32): bool {
  if (p <= bitsLength) return false;
  exhausted = true;
  return true;
}

function clearPredictions(): void {
  for (let i: u32 = 0; i < picture.componentCount; i++) component(i).prediction = 0;
}

/**
 * Goes to the expected marker by libjpeg's rule: one that is up to two ahead is left for its own interval, one
 * that is up to two behind is passed over, and so is anything that is no marker of a scan.
 */
function beginInterval(): void {
  const expected = nextNumber;
  nextNumber = (nextNumber + 1) & 7;
  clearPredictions();
  let at = stretchEnd;
  while (true) {
    while (load<u8>(at + 1) === 0xff) at++;
    const marker = <u32>load<u8>(at + 1);
    if (marker >= 0xc0 && (marker < 0xd0 || marker > 0xd7)) break;
    const ahead = (marker - expected) & 7;
    if (marker >= 0xd0 && (ahead === 1 || ahead === 2)) break;
    if (marker >= 0xd0 && ahead !== 6 && ahead !== 7) {
      if (ahead !== 0) outOfTurn = true;
      exhausted = false;
      unpackStretch(at + 2);
      return;
    }
    outOfTurn = true;
    unpackStretch(at + 2);
    at = stretchEnd;
  }
  outOfTurn = true;
  exhausted = true;
}
