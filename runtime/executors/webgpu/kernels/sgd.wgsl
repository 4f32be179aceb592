// SGD with Nesterov momentum (torch.optim.SGD) over a run of a store's tensors; the buffer is firstMoment.
//
//   g = gradient·gradientScale·min(1, clipNorm/(|g| + 1e-6)) + decay·p
//   b = momentum·b + g;  p −= lr·rateFactor·(g + momentum·b)
//
// parameters, gradients, firstMoment [count]; settings and norm as in adamw.wgsl, and as there in double floats, each
// result rounded once. 20 bytes of memory traffic per parameter.

// #include "element.wgsl"
// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

struct Params {
  count: u32,
  decayed: u32,
  zero: u32,
  rateFactor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> firstMoment: array<f32>;
@group(0) @binding(4) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> norm: array<u32>;

// #include "gradient-factor.wgsl"

fn computeElement(i: u32) {
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    return;
  }
  let old = vec2f(parameters[i], 0.0);
  var g = multiply(vec2f(gradients[i], 0.0), gradientFactor());
  if (p.decayed != 0u) {
    g = add(g, multiply(settings[WEIGHT_DECAY], old));
  }
  let momentum = settings[MOMENTUM];
  let b = add(multiply(momentum, vec2f(firstMoment[i], 0.0)), g);
  let rate = multiply(settings[LEARNING_RATE], vec2f(p.rateFactor, 0.0));
  firstMoment[i] = b.x;
  parameters[i] = subtract(old, multiply(rate, add(g, multiply(momentum, b)))).x;
}
