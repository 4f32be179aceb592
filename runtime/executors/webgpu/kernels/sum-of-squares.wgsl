// Sum of squares, first part: a partial sum for each of `rows` workgroups of 64. x [count], partials [first + rows].
// float32: an invocation adds few values, the rest is a tree. A sum above 3.4e38 becomes infinite, and the step is
// skipped.

// #include "row.wgsl"

struct Params {
  rows: u32,
  count: u32,
  first: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

fn computeRow(row: u32, lane: u32) {
  var sum = 0.0;
  for (var i = row * LANES + lane; i < p.count; i += p.rows * LANES) {
    sum += x[i] * x[i];
  }
  let value = sumOverLanes(sum, lane);
  if (lane == 0u) {
    partials[p.first + row] = value;
  }
}
