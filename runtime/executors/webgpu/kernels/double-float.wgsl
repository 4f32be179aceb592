// Double float: a number as the unevaluated sum (high, low) of two float32, about 46 bits of it. Dekker 1971, Knuth TAOCP 2.
//
// Needs sums that are not reordered and an fma with one rounding, as Vulkan and Direct3D drivers have; where a compiler
// breaks either (Metal's fast math), low is near 0 and what remains is plain float32.

fn sumOf(a: f32, b: f32) -> vec2f {
  let high = a + b;
  let part = high - a;
  return vec2f(high, (a - (high - part)) + (b - part));
}

fn normalised(high: f32, low: f32) -> vec2f {
  let sum = high + low;
  return vec2f(sum, low - (sum - high));
}

fn add(a: vec2f, b: vec2f) -> vec2f {
  let sum = sumOf(a.x, b.x);
  return normalised(sum.x, sum.y + (a.y + b.y));
}

fn subtract(a: vec2f, b: vec2f) -> vec2f {
  return add(a, -b);
}

fn multiply(a: vec2f, b: vec2f) -> vec2f {
  let high = a.x * b.x;
  let low = fma(a.x, b.x, -high) + fma(a.x, b.y, a.y * b.x);
  return normalised(high, low);
}

fn divide(a: vec2f, b: vec2f) -> vec2f {
  let high = a.x / b.x;
  let rest = fma(-high, b.x, a.x) + a.y - high * b.y;
  return normalised(high, rest / b.x);
}

fn squareRoot(a: vec2f) -> vec2f {
  if (a.x <= 0.0) {
    return vec2f(0.0);
  }
  let high = sqrt(a.x);
  let rest = fma(-high, high, a.x) + a.y;
  return normalised(high, rest / (2.0 * high));
}
