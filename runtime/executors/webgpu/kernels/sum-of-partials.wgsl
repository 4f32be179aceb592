// Sum of squares, second part: y = Σ partials, as a pair (high, low) of which low is 0. partials [count], y [2]. One
// workgroup of 64.

// #include "row.wgsl"

struct Params {
  rows: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn computeRow(row: u32, lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < p.count; i += LANES) {
    sum += partials[i];
  }
  let value = sumOverLanes(sum, lane);
  if (lane == 0u) {
    y[0] = value;
    y[1] = 0.0;
  }
}
