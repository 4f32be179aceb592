// Gradient factor: what an optimizer multiplies its gradients by. The includer declares settings [12] and norm, pairs
// (high, low), and includes optimizer-settings.wgsl and double-float.wgsl.

// gradientScale, times the clipping factor where clipping is on; |g| is the norm of the scaled gradients.
fn gradientFactor() -> vec2f {
  let scale = settings[GRADIENT_SCALE];
  let clip = settings[CLIP_NORM];
  if (clip.x <= 0.0) {
    return scale;
  }
  let squares = vec2f(bitcast<f32>(norm[0]), bitcast<f32>(norm[1]));
  let length = multiply(squareRoot(squares), vec2f(abs(scale.x), sign(scale.x) * scale.y));
  let factor = divide(clip, add(length, vec2f(1e-6, 0.0)));
  if (factor.x >= 1.0) {
    return scale;
  }
  return multiply(scale, factor);
}
