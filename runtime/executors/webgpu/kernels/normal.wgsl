// Normal: the exact GELU and its slope from the normal distribution's upper tail; assembly/nn/gelu.ts has the same
// formulas.
//
// With t = |x|: Q(t) = ½·erfc(t/√2) = exp(−t²/2)·g(t), g a polynomial of degree 9 in s = 1/(1 + 0.34·t) that
// assembly/nn/generate-normal-tail.mjs fits: relative error 3e-7 in float32 arithmetic. WGSL has no erf. Four values
// at a time.

// exp(−t²/2); below −87 the result would leave the normal numbers.
fn bell(x: vec4f) -> vec4f {
  return exp(max(-0.5 * x * x, vec4f(-87.0)));
}

// Q(t) from t ≥ 0 and exp(−t²/2).
fn upperTail(t: vec4f, bellOfT: vec4f) -> vec4f {
  let s = 1.0 / fma(t, vec4f(0.34), vec4f(1.0));
  var g = vec4f(-0.0278731951);
  g = fma(g, s, vec4f(0.147664589));
  g = fma(g, s, vec4f(-0.289211633));
  g = fma(g, s, vec4f(0.219603096));
  g = fma(g, s, vec4f(-0.0560338971));
  g = fma(g, s, vec4f(0.119854415));
  g = fma(g, s, vec4f(0.114134827));
  g = fma(g, s, vec4f(0.136248539));
  g = fma(g, s, vec4f(0.13561325));
  return g * s * bellOfT;
}

// x·Φ(x)
fn geluOf(x: vec4f) -> vec4f {
  let t = abs(x);
  return max(x, vec4f(0.0)) - t * upperTail(t, bell(x));
}

// Φ(x) + x·φ(x)
fn geluSlope(x: vec4f) -> vec4f {
  let b = bell(x);
  let tail = upperTail(abs(x), b);
  let phi = select(1.0 - tail, tail, x < vec4f(0.0));
  return fma(x * 0.3989422804014327, b, phi);
}
