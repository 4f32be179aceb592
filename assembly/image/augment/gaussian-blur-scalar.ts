// Gaussian blur, one value at a time: the twin that gaussian-blur.ts is tested against. Every value of a pass is the sum
// over its own box, ends of the line repeated.

function valueAt(line: usize, at: i32, length: i32): u32 {
  return <u32>load<u8>(line + <usize>min(max(at, 0), length - 1));
}

function boxPass(from: usize, to: usize, length: i32, radius: i32, weight: u32, endWeight: u32): void {
  for (let x = 0; x < length; x++) {
    let sum: u32 = 0;
    for (let at = x - radius; at <= x + radius; at++) sum += valueAt(from, at, length);
    const ends = valueAt(from, x - radius - 1, length) + valueAt(from, x + radius + 1, length);
    store<u8>(to + <usize>x, <u8>((sum * weight + ends * endWeight + (1 << 23)) >> 24));
  }
}

/**
 * `lines` lines `lineStep` bytes apart, each of `length` values `step` bytes apart in each of `channels` bytes that lie
 * side by side; three passes in place. `scratch` holds two lines of bytes.
 */
export function blurLinesScalar(
  pixels: usize,
  lines: i32,
  lineStep: usize,
  length: i32,
  step: usize,
  channels: i32,
  scratch: usize,
  radius: i32,
  weight: u32,
  endWeight: u32,
): void {
  const other = scratch + <usize>length;
  for (let i = 0; i < lines; i++)
    for (let channel = 0; channel < channels; channel++) {
      const first = pixels + <usize>i * lineStep + <usize>channel;
      for (let x = 0; x < length; x++) store<u8>(scratch + <usize>x, load<u8>(first + <usize>x * step));
      boxPass(scratch, other, length, radius, weight, endWeight);
      boxPass(other, scratch, length, radius, weight, endWeight);
      boxPass(scratch, other, length, radius, weight, endWeight);
      for (let x = 0; x < length; x++) store<u8>(first + <usize>x * step, load<u8>(other + <usize>x));
    }
}
