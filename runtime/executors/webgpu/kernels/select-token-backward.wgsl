// Select token backward: dx[:, token … token + selected − 1] = dy, every other token gets 0. dy [B,selected,D], dx
// [B,T,D]. One invocation for each value of dx.

// #include "element.wgsl"

struct Params {
  count: u32,
  tokens: u32,
  width: u32,
  token: u32,
  selected: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

fn computeElement(i: u32) {
  let row = i / p.width;
  var value = 0.0;
  let token = row % p.tokens;
  if (token >= p.token && token < p.token + p.selected) {
    value = dy[((row / p.tokens) * p.selected + token - p.token) * p.width + i % p.width];
  }
  dx[i] = value;
}
