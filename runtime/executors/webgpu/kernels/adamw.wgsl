// AdamW with decoupled decay (torch.optim.AdamW) and the moving average, in one pass over a run of a store's tensors.
//
//   g = gradient·gradientScale·min(1, clipNorm/(|g| + 1e-6))
//   m += (1 − β1)·(g − m);  v += (1 − β2)·(g² − v)
//   p −= lr·decay·p + lr/bc1·m/(√v/√bc2 + ε);  average += (1 − d)·(p − average);  lr is learningRate·rateFactor
//
// parameters, gradients, firstMoment, secondMoment, average [count]; settings [12] in the order of ADAMW_SETTINGS of
// the graph, each a pair (high, low) whose sum is the double; norm, also a pair, is a sum of squares. Where norm is not
// finite, nothing changes; its exponent bits are tested, since compilers may assume that there are no infinities.
// Numerics: double floats, each result rounded once: a float32 average with d = 0.99996 would lose most digits of its
// steps, and a weight some. The extra arithmetic is hidden by 36 bytes of memory traffic per parameter.

// #include "element.wgsl"
// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

struct Params {
  count: u32,
  decayed: u32,
  averaged: u32,
  zero: u32,
  rateFactor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> firstMoment: array<f32>;
@group(0) @binding(4) var<storage, read_write> secondMoment: array<f32>;
@group(0) @binding(5) var<storage, read_write> average: array<f32>;
@group(0) @binding(6) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> norm: array<u32>;

// #include "gradient-factor.wgsl"

fn computeElement(i: u32) {
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    return;
  }
  let one = vec2f(1.0, 0.0);
  let rate = multiply(settings[LEARNING_RATE], vec2f(p.rateFactor, 0.0));
  let g = multiply(vec2f(gradients[i], 0.0), gradientFactor());
  let oldFirst = vec2f(firstMoment[i], 0.0);
  let oldSecond = vec2f(secondMoment[i], 0.0);
  let m = add(oldFirst, multiply(subtract(one, settings[BETA1]), subtract(g, oldFirst)));
  let v = add(oldSecond, multiply(subtract(one, settings[BETA2]), subtract(multiply(g, g), oldSecond)));
  let root = divide(squareRoot(v), squareRoot(settings[BIAS_CORRECTION2]));
  let pace = divide(rate, settings[BIAS_CORRECTION1]);
  var step = divide(multiply(pace, m), add(root, settings[EPSILON]));
  let old = vec2f(parameters[i], 0.0);
  if (p.decayed != 0u) {
    step = add(step, multiply(multiply(rate, settings[WEIGHT_DECAY]), old));
  }
  let value = subtract(old, step);
  firstMoment[i] = m.x;
  secondMoment[i] = v.x;
  parameters[i] = value.x;
  if (p.averaged != 0u) {
    let mean = vec2f(average[i], 0.0);
    average[i] = add(mean, multiply(subtract(one, settings[EMA_DECAY]), subtract(value, mean))).x;
  }
}
