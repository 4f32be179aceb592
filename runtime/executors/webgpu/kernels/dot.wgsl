// Dot: y = Σ a·b. a, b [count], y [1]. One workgroup of 64: its operands have one value per sample.

// #include "row.wgsl"

struct Params {
  rows: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn computeRow(row: u32, lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < p.count; i += LANES) {
    sum += a[i] * b[i];
  }
  let value = sumOverLanes(sum, lane);
  if (lane == 0u) {
    y[0] = value;
  }
}
