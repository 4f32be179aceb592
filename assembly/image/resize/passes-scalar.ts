// The two passes of a resize, one number at a time: the twin that the vector passes are tested against.

import { entryBytes, PRECISION_BITS, tapWeight } from "./tables";

function clip8(sum: i32): u8 {
  return <u8>min(max(sum >> PRECISION_BITS, 0), 255);
}

/** u8 rows [rows, ≥ taps, 3] → u8 [rows, outputs, 3]: each output a weighted sum of pixels of its row. */
export function horizontalScalar(
  source: usize,
  sourceStride: usize,
  rows: i32,
  table: usize,
  pairs: i32,
  outputs: i32,
  target: usize,
  targetStride: usize,
): void {
  const stride = entryBytes(pairs);
  for (let y = 0; y < rows; y++) {
    const row = source + <usize>y * sourceStride;
    for (let x = 0; x < outputs; x++) {
      const entry = table + <usize>x * stride;
      const start = <usize>load<u32>(entry);
      const taps = load<u32>(entry, 4) << 1;
      for (let channel: usize = 0; channel < 3; channel++) {
        let sum: i32 = 1 << (PRECISION_BITS - 1);
        for (let tap: u32 = 0; tap < taps; tap++)
          sum += <i32>load<u8>(row + (start + <usize>tap) * 3 + channel) * tapWeight(entry, tap);
        store<u8>(target + <usize>y * targetStride + <usize>x * 3 + channel, clip8(sum));
      }
    }
  }
}

/** u8 rows [≥ taps, bytes] → u8 [outputs, bytes]: each output row a weighted sum of whole rows. */
export function verticalScalar(
  source: usize,
  sourceStride: usize,
  firstRow: i32,
  table: usize,
  pairs: i32,
  outputs: i32,
  bytes: usize,
  target: usize,
  targetStride: usize,
): void {
  const stride = entryBytes(pairs);
  for (let y = 0; y < outputs; y++) {
    const entry = table + <usize>y * stride;
    const start = <i32>load<u32>(entry) - firstRow;
    const taps = (<i32>load<u32>(entry, 4)) << 1;
    for (let at: usize = 0; at < bytes; at++) {
      let sum: i32 = 1 << (PRECISION_BITS - 1);
      for (let tap = 0; tap < taps; tap++)
        sum += <i32>load<u8>(source + <usize>(start + tap) * sourceStride + at) * tapWeight(entry, tap);
      store<u8>(target + <usize>y * targetStride + at, clip8(sum));
    }
  }
}
