// Dot: y = Σ a·b. a, b [count], y [1]. One workgroup of 64: what it is used for has one value a sample.

// #include "lanes.wgsl"

struct Params {
  rows: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) {
    return;
  }
  var sum = 0.0;
  for (var i = lane; i < p.count; i += LANES) {
    sum += a[i] * b[i];
  }
  let value = sumOverLanes(sum, lane);
  if (lane == 0u) {
    y[0] = value;
  }
}
