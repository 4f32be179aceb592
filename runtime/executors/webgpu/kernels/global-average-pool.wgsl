// Global average pool: y = the mean over the N pixels. x [B,N,C], y [B,C]. A workgroup of 64 a value of y.

// #include "lanes.wgsl"

struct Params {
  rows: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
  let start = (row / p.channels) * p.pixels * p.channels + row % p.channels;
  var sum = 0.0;
  for (var i = lane; i < p.pixels; i += LANES) {
    sum += f32(x[start + i * p.channels]);
  }
  let total = sumOverLanes(sum, lane);
  if (lane == 0u) {
    y[row] = total / f32(p.pixels);
  }
}
