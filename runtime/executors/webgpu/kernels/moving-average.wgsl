// Moving average of values that no gradient changes, over a run of a store's tensors: average += (1 − d)·(values −
// average). values, average [count]; settings [12] and norm as in adamw.wgsl: where norm is not finite, nothing changes.
// Numerics: double floats, rounded once, as adamw.wgsl averages the weights.

// #include "element.wgsl"
// #include "double-float.wgsl"
// #include "optimizer-settings.wgsl"

struct Params {
  count: u32,
  zero: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<f32>;
@group(0) @binding(3) var<storage, read_write> settings: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> norm: array<u32>;

fn computeElement(i: u32) {
  if ((norm[0] & EXPONENT_BITS) == EXPONENT_BITS) {
    return;
  }
  let mean = vec2f(average[i], 0.0);
  let rest = subtract(vec2f(1.0, 0.0), settings[EMA_DECAY]);
  average[i] = add(mean, multiply(rest, subtract(vec2f(values[i], 0.0), mean))).x;
}
