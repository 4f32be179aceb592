// Flip: a picture mirrored left to right, in place.

/** u8 [height, width, 3] at `pixels`. */
export function flipPixels(pixels: usize, width: i32, height: i32): void {
  const stride = <usize>width * 3;
  for (let y = 0; y < height; y++) {
    let left = pixels + <usize>y * stride;
    let right = left + stride - 3;
    while (left < right) {
      const redGreen = load<u16>(left);
      const blue = load<u8>(left, 2);
      store<u16>(left, load<u16>(right));
      store<u8>(left, load<u8>(right, 2), 2);
      store<u16>(right, redGreen);
      store<u8>(right, blue, 2);
      left += 3;
      right -= 3;
    }
  }
}
