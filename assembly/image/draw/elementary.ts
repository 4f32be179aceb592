// Elementary functions whose last bit must not depend on the engine: AssemblyScript's own, compiled to WebAssembly,
// where every operation is exactly rounded. The host's Math.log, exp, pow, sin and cos differ between engines.

export function logarithm(x: f64): f64 {
  return NativeMath.log(x);
}

export function exponential(x: f64): f64 {
  return NativeMath.exp(x);
}

export function power(base: f64, exponent: f64): f64 {
  return NativeMath.pow(base, exponent);
}

export function sine(x: f64): f64 {
  return NativeMath.sin(x);
}

export function cosine(x: f64): f64 {
  return NativeMath.cos(x);
}
