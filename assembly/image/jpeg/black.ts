// Black: the fourth component of CMYK and YCCK pictures, applied to a row of RGB.
//
// Adobe stores ink inverted (255 = none), and every reader takes that for granted. Pillow's conversion is followed:
// with k = 255 − black, a channel becomes k − ⌊c·k/255⌉, where c is the ink of that channel.

/** Rounded a·b / 255, exact for bytes. */
function multiplyBytes(a: u32, b: u32): u32 {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/**
 * u8 [width, 3] at `to`, in place, with u8 [width] of inverted black. The row holds inverted ink (CMYK), or, with
 * `converted`, what YCbCr → RGB made of it: then it is the ink itself, as libjpeg's YCCK → CMYK inverts it once more.
 */
export function applyBlack(black: usize, to: usize, width: u32, converted: bool): void {
  for (let x: usize = 0; x < <usize>width; x++, to += 3) {
    const k = <u32>load<u8>(black + x);
    for (let channel: usize = 0; channel < 3; channel++) {
      const value = <u32>load<u8>(to + channel);
      const ink = converted ? value : 255 - value;
      store<u8>(to + channel, <u8>(k - multiplyBytes(ink, k)));
    }
  }
}
