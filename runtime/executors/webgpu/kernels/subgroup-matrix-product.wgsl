// Subgroup matrix product: the products of matrix-product.wgsl, which documents shapes, operands and conditions, on a
// GPU's matrix units. Requires float16 factors (HALF) and last axes that are multiples of 4 (VECTORS).
// subgroup-matrix-tile.wgsl documents the tile's constants.

// #include "normal.wgsl"
// #include "matrix-operands.wgsl"
// #include "matrix-statistics.wgsl"
// #include "matrix-store.wgsl"
// #include "subgroup-matrix-tile.wgsl"

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) invocation: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  // As in matrix-product.wgsl, the third axis has the splits, or the rows that exceed the second.
  // #if SPLIT
  split = group.z;
  multiply(group.xy, depthsOf(group.z), subgroup, invocation);
  // #else
  multiply(vec2u(group.x, group.y + group.z * groups.y), vec2u(0u, p.depth), subgroup, invocation);
  // #endif
}
