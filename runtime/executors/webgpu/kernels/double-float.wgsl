// Double float: a number as the unevaluated sum (high, low) of two float32, about 46 bits of it. Dekker 1971, Knuth
// TAOCP 2.
//
// WGSL lets compilers reorder sums, and they do: Mesa turns (a + b) − a into b. `opaque` hides a rounded value from
// them behind an exclusive or with p.zero, which the includer declares and sets to 0. WGSL's fma may round twice
// (llvmpipe's does), so products are split instead.

fn opaque(value: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(value) ^ p.zero);
}

// a + b, exactly.
fn sumOf(a: f32, b: f32) -> vec2f {
  let high = opaque(a + b);
  let part = opaque(high - a);
  return vec2f(high, (a - opaque(high - part)) + (b - part));
}

// high + low where |low| ≤ |high|.
fn normalized(high: f32, low: f32) -> vec2f {
  let sum = opaque(high + low);
  return vec2f(sum, low - opaque(sum - high));
}

// a without its 12 lowest bits.
fn upperHalf(a: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
}

// a·b, exactly: every product of halves has at most 24 bits.
fn productOf(a: f32, b: f32) -> vec2f {
  let high = opaque(a * b);
  let aUpper = upperHalf(a);
  let aLower = a - aUpper;
  let bUpper = upperHalf(b);
  let bLower = b - bUpper;
  let middle = opaque(opaque(aUpper * bUpper - high) + aUpper * bLower);
  return vec2f(high, opaque(middle + aLower * bUpper) + aLower * bLower);
}

fn add(a: vec2f, b: vec2f) -> vec2f {
  let sum = sumOf(a.x, b.x);
  return normalized(sum.x, sum.y + (a.y + b.y));
}

fn subtract(a: vec2f, b: vec2f) -> vec2f {
  return add(a, -b);
}

fn multiply(a: vec2f, b: vec2f) -> vec2f {
  let product = productOf(a.x, b.x);
  return normalized(product.x, product.y + (a.x * b.y + a.y * b.x));
}

fn divide(a: vec2f, b: vec2f) -> vec2f {
  let high = opaque(a.x / b.x);
  let product = productOf(high, b.x);
  let rest = (opaque(a.x - product.x) - product.y) + (a.y - high * b.y);
  return normalized(high, rest / b.x);
}

fn squareRoot(a: vec2f) -> vec2f {
  if (a.x <= 0.0) {
    return vec2f(0.0);
  }
  let high = opaque(sqrt(a.x));
  let square = productOf(high, high);
  let rest = (opaque(a.x - square.x) - square.y) + a.y;
  return normalized(high, rest / (2.0 * high));
}
