// Convolution: y = x ∗ weight + bias. x [B,H,W,I], weight [O,K,K,I/G], bias? [O], y [B,OH,OW,O]. As a product for
// each of G groups: the patches [B·OH·OW, K·K·I/G], which are never stored, times weight transposed. The dispatch
// sets VECTORS (1 where I/G and O/G are multiples of 4), BIAS, RELU, and the tile of matrix-product.wgsl. Grid:
// columns, rows, groups.

// #include "conv2d-operands.wgsl"
// #include "matrix-tile.wgsl"

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) invocation: u32,
) {
  multiply(enterTile(group, groups.y, invocation), vec2u(0u, p.depth), local, invocation);
}
