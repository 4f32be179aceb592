// Subgroup matrix convolution: the product of conv2d.wgsl, which documents shapes, operands and conditions, on a
// GPU's matrix units. Requires float16 factors (HALF) and channels per group that are multiples of 4 (VECTORS).
// subgroup-matrix-tile.wgsl documents the tile's constants.

// #include "conv2d-operands.wgsl"
// #include "subgroup-matrix-tile.wgsl"

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  multiply(enterTile(group, groups.y, invocation), vec2u(0u, p.depth), subgroup, invocation);
}
