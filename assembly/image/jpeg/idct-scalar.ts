// IDCT, scalar: the reference for idct.ts, with the butterflies of libjpeg's jidctint.c as usually drawn.
//
//   constant ·2¹³   0.298631336  2446    0.390180644  3196    0.541196100  4433    0.765366865  6270
//                   0.899976223  7373    1.175875602  9633    1.501321110 12299    1.847759065 15137
//                   1.961570560 16069    2.053119869 16819    2.562915447 20995    3.072711026 25172

const work: usize = memory.data(64 * 4, 16);

/** Same arguments and the same result as `inverseTransform`; `last` is not needed. */
export function inverseTransformScalar(block: usize, multipliers: usize, target: usize, stride: usize): void {
  for (let x: usize = 0; x < 8; x++) {
    for (let y: usize = 0; y < 8; y++) {
      const at = (y * 8 + x) << 1;
      store<i32>(
        work + ((y * 8 + x) << 2),
        <i32>(<i16>(load<i16>(block + at) * load<i16>(multipliers + at))),
      );
    }
    transformLine(work + (x << 2), 32, 11);
  }
  for (let y: usize = 0; y < 8; y++) {
    transformLine(work + y * 32, 4, 18);
    for (let x: usize = 0; x < 8; x++) {
      const sample = load<i32>(work + y * 32 + (x << 2)) + 128;
      store<u8>(target + y * stride + x, <u8>min(max(sample, 0), 255));
    }
  }
}

/** Eight numbers `step` bytes apart, in place; rounded and shifted down by `shift`. */
function transformLine(at: usize, step: usize, shift: i32): void {
  const in0 = load<i32>(at);
  const in1 = load<i32>(at + step);
  const in2 = load<i32>(at + 2 * step);
  const in3 = load<i32>(at + 3 * step);
  const in4 = load<i32>(at + 4 * step);
  const in5 = load<i32>(at + 5 * step);
  const in6 = load<i32>(at + 6 * step);
  const in7 = load<i32>(at + 7 * step);

  const rotated = (in2 + in6) * 4433;
  const even2 = rotated - in6 * 15137;
  const even3 = rotated + in2 * 6270;
  const round = 1 << (shift - 1);
  const even0 = ((in0 + in4) << 13) + round;
  const even1 = ((in0 - in4) << 13) + round;

  const z5 = (in7 + in3 + in5 + in1) * 9633;
  const z3 = z5 - (in7 + in3) * 16069;
  const z4 = z5 - (in5 + in1) * 3196;
  const z1 = (in7 + in1) * -7373;
  const z2 = (in5 + in3) * -20995;
  const odd0 = in7 * 2446 + z1 + z3;
  const odd1 = in5 * 16819 + z2 + z4;
  const odd2 = in3 * 25172 + z2 + z3;
  const odd3 = in1 * 12299 + z1 + z4;

  store<i32>(at, (even0 + even3 + odd3) >> shift);
  store<i32>(at + 7 * step, (even0 + even3 - odd3) >> shift);
  store<i32>(at + step, (even1 + even2 + odd2) >> shift);
  store<i32>(at + 6 * step, (even1 + even2 - odd2) >> shift);
  store<i32>(at + 2 * step, (even1 - even2 + odd1) >> shift);
  store<i32>(at + 5 * step, (even1 - even2 - odd1) >> shift);
  store<i32>(at + 3 * step, (even0 - even3 + odd0) >> shift);
  store<i32>(at + 4 * step, (even0 - even3 - odd0) >> shift);
}
