// Turn: quarter turns, which Pillow's rotate does by moving pixels in place of interpolating.

/** u8 [height, width, 3] → `target`, turned counter-clockwise; one and three quarters of squares only. */
export function turnPixels(source: usize, width: i32, height: i32, target: usize, quarters: i32): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let fromX = width - 1 - x;
      let fromY = height - 1 - y;
      if (quarters === 1) {
        fromX = width - 1 - y;
        fromY = x;
      } else if (quarters === 3) {
        fromX = y;
        fromY = width - 1 - x;
      }
      const from = source + <usize>(fromY * width + fromX) * 3;
      store<u16>(target, load<u16>(from));
      store<u8>(target, load<u8>(from, 2), 2);
      target += 3;
    }
  }
}
