// Subgroup matrix convolution: the product of conv2d.wgsl, which has shapes, operands and conditions, on the matrix units of a
// GPU. Only for float16 factors (HALF) and where the channels of a group are multiples of 4 (VECTORS). The tile's constants are
// subgroup-matrix-tile.wgsl's.

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
