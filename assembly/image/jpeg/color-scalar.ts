// Color, scalar: the twin of color.ts, as libjpeg's tables in jdcolor.c compute it.

function clamp(value: i32): u8 {
  return <u8>min(max(value, 0), 255);
}

/** Same arguments and the same result as `rowFromYCbCr`, without touching a byte beyond the row. */
export function rowFromYCbCrScalar(
  luma: usize,
  blueness: usize,
  redness: usize,
  to: usize,
  width: u32,
): void {
  for (let x: usize = 0; x < <usize>width; x++, to += 3) {
    const y = <i32>load<u8>(luma + x);
    const cb = <i32>load<u8>(blueness + x) - 128;
    const cr = <i32>load<u8>(redness + x) - 128;
    store<u8>(to, clamp(y + ((91881 * cr + 32768) >> 16)));
    store<u8>(to, clamp(y + ((-22554 * cb - 46802 * cr + 32768) >> 16)), 1);
    store<u8>(to, clamp(y + ((116130 * cb + 32768) >> 16)), 2);
  }
}
