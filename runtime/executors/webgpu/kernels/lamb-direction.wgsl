// LAMB (arXiv 1904.00962, timm's Lamb), first pass: the moments, and the direction in place of the gradient.
//
//   f = gradientScale·min(1, clipNorm/(|g| + 1e-6));  g = gradient·f/max(1, |g·f|)
//   m += (1 − β1)·(g − m);  v += (1 − β2)·(g² − v);  gradient = m/bc1/(√v/√bc2 + ε) + decay·p
//
// parameters, gradients, firstMoment, secondMoment [count]; settings and norm as in adamw.wgsl, and as there in double
// floats, each result rounded once. 28 bytes of memory traffic per parameter.

// #include "element.wgsl"
// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

struct Params {
  count: u32,
  decayed: u32,
  zero: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> firstMoment: array<f32>;
@group(0) @binding(4) var<storage, read_write> secondMoment: array<f32>;
@group(0) @binding(5) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> norm: array<u32>;

// #include "gradient-factor.wgsl"

fn computeElement(i: u32) {
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    return;
  }
  let one = vec2f(1.0, 0.0);
  var factor = gradientFactor();
  let squares = vec2f(bitcast<f32>(norm[0]), bitcast<f32>(norm[1]));
  let length = multiply(squareRoot(squares), vec2f(abs(factor.x), sign(factor.x) * factor.y));
  if (length.x > 1.0) {
    factor = divide(factor, length);
  }
  let g = multiply(vec2f(gradients[i], 0.0), factor);
  let oldFirst = vec2f(firstMoment[i], 0.0);
  let oldSecond = vec2f(secondMoment[i], 0.0);
  let m = add(oldFirst, multiply(subtract(one, settings[BETA1]), subtract(g, oldFirst)));
  let v = add(oldSecond, multiply(subtract(one, settings[BETA2]), subtract(multiply(g, g), oldSecond)));
  let root = divide(squareRoot(v), squareRoot(settings[BIAS_CORRECTION2]));
  var direction = divide(divide(m, settings[BIAS_CORRECTION1]), add(root, settings[EPSILON]));
  if (p.decayed != 0u) {
    direction = add(direction, multiply(settings[WEIGHT_DECAY], vec2f(parameters[i], 0.0)));
  }
  firstMoment[i] = m.x;
  secondMoment[i] = v.x;
  gradients[i] = direction.x;
}
