// Swap halves: y is x with its halves exchanged. x, y [count], count even.

// #include "element.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  let half = p.count / 2u;
  y[i] = x[select(i - half, i + half, i < half)];
}
