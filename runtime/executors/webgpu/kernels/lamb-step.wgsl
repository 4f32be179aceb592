// LAMB, second pass where nothing adapts: p −= lr·rateFactor·direction over a run of a store's tensors.
//
// parameters, direction [count]; settings and norm as in adamw.wgsl. Double floats, rounded once. 12 bytes of memory
// traffic per parameter.

// #include "element.wgsl"
// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

struct Params {
  count: u32,
  zero: u32,
  rateFactor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> direction: array<f32>;
@group(0) @binding(3) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> norm: array<u32>;

fn computeElement(i: u32) {
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    return;
  }
  let rate = multiply(settings[LEARNING_RATE], vec2f(p.rateFactor, 0.0));
  let old = vec2f(parameters[i], 0.0);
  parameters[i] = subtract(old, multiply(rate, vec2f(direction[i], 0.0))).x;
}
