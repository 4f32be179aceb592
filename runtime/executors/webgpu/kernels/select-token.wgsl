// Select token: y = x[:, token]. x [B,T,D], y [B,D]. One invocation for each value of y.

// #include "element.wgsl"

struct Params {
  count: u32,
  tokens: u32,
  width: u32,
  token: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  let sample = i / p.width;
  y[i] = x[(sample * p.tokens + p.token) * p.width + i % p.width];
}
