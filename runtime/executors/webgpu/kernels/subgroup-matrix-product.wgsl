// Subgroup matrix product: the products of matrix-product.wgsl, which has shapes, operands and conditions, on the matrix
// units of a GPU. Only for float16 factors (HALF) and where every last axis is a multiple of 4 (VECTORS). The tile's
// constants are subgroup-matrix-tile.wgsl's.

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
  // As in matrix-product.wgsl, shares or further rows lie along the third axis.
  // #if SPLIT
  share = group.z;
  multiply(group.xy, depthsOf(group.z), subgroup, invocation);
  // #else
  multiply(vec2u(group.x, group.y + group.z * groups.y), vec2u(0u, p.depth), subgroup, invocation);
  // #endif
}
