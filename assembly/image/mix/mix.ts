// Mix: Mixup and CutMix over a batch in place. Sample b is mixed with sample count − 1 − b, both from unmixed pixels.

import { regionStart, reserve } from "../memory";
import { fail } from "../outcome";
import { Region } from "../regions";
import { Status } from "../status";
import { blend, blendScalar } from "./blend";
import { MIX_FIELDS, MixKind } from "./mix-kind";

function field(sample: i32, at: usize): f64 {
  return load<f64>(regionStart(Region.Parameters) + ((<usize>sample * <usize>MIX_FIELDS + at) << 3));
}

function mixOne(sample: i32, own: usize, other: usize, size: i32, scalar: bool): void {
  const kind = <MixKind>(<i32>field(sample, 0));
  const bytes = <usize>(size * size * 3);
  if (kind === MixKind.Mixup) {
    if (scalar) blendScalar(own, other, bytes, field(sample, 1));
    else blend(own, other, bytes, field(sample, 1));
  } else if (kind === MixKind.Cutmix) {
    const top = <i32>field(sample, 2);
    const height = <i32>field(sample, 4);
    const rowBytes = <usize>field(sample, 5) * 3;
    let at = <usize>(top * size + <i32>field(sample, 3)) * 3;
    for (let y = 0; y < height; y++) {
      memory.copy(own + at, other + at, rowBytes);
      at += <usize>size * 3;
    }
  }
}

/** Region.Batch, u8 [count, size, size, 3], by the draws in Region.Parameters. A middle sample has no partner. */
export function mixPixels(count: i32, size: i32, scalar: bool): Status {
  const bytes = <usize>(size * size * 3);
  const batch = regionStart(Region.Batch);
  const unmixed = reserve(Region.Scratch, bytes);
  if (unmixed === 0) return fail(Status.OutOfMemory, 0);
  for (let b = 0; b < count >> 1; b++) {
    const partner = count - 1 - b;
    const own = batch + <usize>b * bytes;
    const other = batch + <usize>partner * bytes;
    const partnerMixes = field(partner, 0) !== <f64>MixKind.None;
    if (partnerMixes) memory.copy(unmixed, own, bytes);
    mixOne(b, own, other, size, scalar);
    if (partnerMixes) mixOne(partner, other, unmixed, size, scalar);
  }
  return Status.Ok;
}
