// Select token backward: dx[:, token] = dy, every other token gets 0. dy [B,D], dx [B,T,D]. One invocation for each
// value of dx.

// #include "element.wgsl"

struct Params {
  count: u32,
  tokens: u32,
  width: u32,
  token: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

fn computeElement(i: u32) {
  let row = i / p.width;
  var value = 0.0;
  if (row % p.tokens == p.token) {
    value = dy[(row / p.tokens) * p.width + i % p.width];
  }
  dx[i] = value;
}
