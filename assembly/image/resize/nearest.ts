// Nearest: each output pixel is a copy of one input pixel. Pillow: ImagingScaleAffine, where positions are summed up
// step by step, which rounds differently from a product.

/** u8 [height, width, 3] at `source` → u8 [outHeight, outWidth, 3]; from/to as in Image.resize's box. */
export function resizeNearest(
  source: usize,
  sourceStride: usize,
  width: i32,
  height: i32,
  left: f64,
  top: f64,
  right: f64,
  bottom: f64,
  outWidth: i32,
  outHeight: i32,
  target: usize,
  targetStride: usize,
): void {
  const stepX = (right - left) / <f64>outWidth;
  const stepY = (bottom - top) / <f64>outHeight;
  let y = top + stepY * 0.5;
  for (let row = 0; row < outHeight; row++) {
    const from = source + <usize>min(<i32>y, height - 1) * sourceStride;
    let out = target + <usize>row * targetStride;
    let x = left + stepX * 0.5;
    for (let column = 0; column < outWidth; column++) {
      const pixel = from + <usize>min(<i32>x, width - 1) * 3;
      store<u16>(out, load<u16>(pixel));
      store<u8>(out, load<u8>(pixel, 2), 2);
      out += 3;
      x += stepX;
    }
    y += stepY;
  }
}
