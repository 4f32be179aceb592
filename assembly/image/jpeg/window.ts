// Window: the rectangle of pixels that a decode is asked for, and the minimum coded units that it needs.
//
//   units  0 … firstUnit − 1           entropy decoding only, no coefficients
//          firstUnit … endUnit − 1     inverse transform; one chroma sample of context on each side
//   rows   0 … firstRow − 1            entropy decoding only; from endRow on nothing is read

import { picture } from "./picture";

/** Pixels around the window that a filter may read: one sample of the coarsest sampling. */
const CONTEXT: u32 = 4;

@unmanaged
export class Window {
  left: u32;
  top: u32;
  width: u32;
  height: u32;
  firstUnit: u32;
  endUnit: u32;
  firstRow: u32;
  endRow: u32;
}

export const window = changetype<Window>(memory.data(32, 16));

function firstNeeded(position: u32, unit: u32): u32 {
  return (max(position, CONTEXT) - CONTEXT) / unit;
}

function endNeeded(position: u32, unit: u32, units: u32): u32 {
  return min(units, (position + CONTEXT - 1) / unit + 1);
}

/** Sets the window; false if it is empty or not inside the picture. */
export function setWindow(left: u32, top: u32, width: u32, height: u32): bool {
  if (width === 0 || height === 0) return false;
  if (<u64>left + <u64>width > <u64>picture.width || <u64>top + <u64>height > <u64>picture.height)
    return false;
  window.left = left;
  window.top = top;
  window.width = width;
  window.height = height;
  window.firstUnit = firstNeeded(left, picture.hMax * picture.side);
  window.endUnit = endNeeded(left + width, picture.hMax * picture.side, picture.mcusAcross);
  window.firstRow = firstNeeded(top, picture.vMax * picture.side);
  window.endRow = endNeeded(top + height, picture.vMax * picture.side, picture.mcusDown);
  return true;
}
