// Crop: a rectangle of a picture, copied out.

/** u8 rows `sourceStride` bytes apart → u8 [height, width, 3] at `target`. */
export function copyRectangle(
  source: usize,
  sourceStride: usize,
  top: i32,
  left: i32,
  height: i32,
  width: i32,
  target: usize,
): void {
  const bytes = <usize>width * 3;
  let from = source + <usize>top * sourceStride + <usize>left * 3;
  for (let y = 0; y < height; y++) {
    memory.copy(target, from, bytes);
    from += sourceStride;
    target += bytes;
  }
}
