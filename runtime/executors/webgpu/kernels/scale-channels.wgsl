// Scale channels: y = x·scale. x, y [B,N,C], scale [B,C]. An invocation computes four values where C is a multiple of 4
// (VECTORS): count and channels then count vectors of four.
// Not fused into the following product's read of x: every tile of columns would look up the factors again.

// #include "element.wgsl"

struct Params {
  count: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
// #if VECTORS
@group(0) @binding(1) var<storage, read_write> x: array<XVector>;
@group(0) @binding(2) var<storage, read_write> scale: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<YVector>;
// #else
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<YScalar>;
// #endif

fn computeElement(i: u32) {
  let sample = i / (p.pixels * p.channels);
  let factor = scale[sample * p.channels + i % p.channels];
  // #if VECTORS
  y[i] = YVector(vec4f(x[i]) * factor);
  // #else
  y[i] = YScalar(f32(x[i]) * factor);
  // #endif
}
