// Blend of two bytes, as Pillow's Image.blend: float arithmetic, then cut. ImageEnhance is built on it.

/** from + factor · (to − from) in float, truncated; outside of 0 … 1 the factor extrapolates and the result is clipped. */
export function blendByte(from: i32, to: i32, factor: f32): i32 {
  if (factor === 0.0) return from;
  if (factor === 1.0) return to;
  const value = <f32>from + factor * <f32>(to - from);
  return <i32>min<f32>(max<f32>(value, 0.0), 255.0);
}
