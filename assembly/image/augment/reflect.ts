// Reflect: the margins around a part of a picture, filled with its mirror image, as numpy's pad with mode "reflect" does,
// which torchvision's RandomCrop uses. The edge itself is not repeated:
//
//   3 2 1 | 0 1 2 3 … n−2 n−1 | n−2 n−3

function copyPixel(from: usize, to: usize): void {
  store<u16>(to, load<u16>(from));
  store<u8>(to, load<u8>(from, 2), 2);
}

/**
 * Fills `pixels`, u8 [size, size, 3], around its part [height, width] at column `left` and row `top`. No margin is as
 * wide as the part beside it.
 */
export function reflectMargins(pixels: usize, size: i32, left: i32, top: i32, width: i32, height: i32): void {
  const stride = <usize>size * 3;
  const lastColumn = left + width - 1;
  for (let y = top; y < top + height; y++) {
    const row = pixels + <usize>y * stride;
    for (let x = 0; x < left; x++) copyPixel(row + <usize>(2 * left - x) * 3, row + <usize>x * 3);
    for (let x = lastColumn + 1; x < size; x++)
      copyPixel(row + <usize>(2 * lastColumn - x) * 3, row + <usize>x * 3);
  }
  const lastRow = top + height - 1;
  for (let y = 0; y < top; y++)
    memory.copy(pixels + <usize>y * stride, pixels + <usize>(2 * top - y) * stride, stride);
  for (let y = lastRow + 1; y < size; y++)
    memory.copy(pixels + <usize>y * stride, pixels + <usize>(2 * lastRow - y) * stride, stride);
}
