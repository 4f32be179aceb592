// Select token: y = x[:, token … token + selected − 1]. x [B,T,D], y [B,selected,D]. One invocation for each value of y.

// #include "element.wgsl"

struct Params {
  count: u32,
  tokens: u32,
  width: u32,
  token: u32,
  selected: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  let row = i / p.width;
  let place = (row / p.selected) * p.tokens + p.token + row % p.selected;
  y[i] = x[place * p.width + i % p.width];
}
