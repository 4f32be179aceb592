// Tensor squares, first part: partial sums of squares of up to 30 tensors of a run, p.groups workgroups of 64 for each.
// x: the run from the first of these tensors on; partials [tensors of the whole run, groups].
// float32: an invocation adds few values, the rest is a tree. Grid [groups, tensors].

// #include "lanes.wgsl"
// #include "tensor-table.wgsl"

@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tensor = tensorAt(group.y);
  var sum = 0.0;
  for (var i = group.x * LANES + lane; i < tensor.y; i += p.groups * LANES) {
    let value = x[tensor.x + i];
    sum += value * value;
  }
  let total = sumOverLanes(sum, lane);
  if (lane == 0u) {
    partials[(p.base + group.y) * p.groups + group.x] = total;
  }
}
