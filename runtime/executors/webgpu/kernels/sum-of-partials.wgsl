// Sum of squares, second part: y = Σ partials of each row, as a pair (high, low) of which low is 0. partials [rows,
// count], y [rows, 2]. A workgroup of 64 for each row.

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
    sum += partials[row * p.count + i];
  }
  let value = sumOverLanes(sum, lane);
  if (lane == 0u) {
    y[2u * row] = value;
    y[2u * row + 1u] = 0.0;
  }
}
