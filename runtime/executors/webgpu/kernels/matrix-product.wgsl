// Matrix product: the three products of a linear layer, fused with what precedes and follows them.
//
//   forward:  a = x [rows, depth],  b = weight [columns, depth]: y = relu(act(norm(x)·weightᵀ + bias)·scale + residual)
//   input gradient:  a = dy [rows, depth],  b = weight [depth, columns]: y = (scale·dy)·weight ∘ gelu'(hidden)
//   weight gradient:  a = dy [depth, rows],  b = x [depth, columns]: y += (scale·dy)ᵀ·norm(x), rowBias += Σ scale·dy
//
// y [rows, columns]; bias [columns], rowBias [rows]; residual, hidden [rows, columns]; scale [samples], one value for
// each rowsPerSample rows; mean, rstd [rows of x], normWeight, normBias [width of x]. The dispatch sets A_BY_DEPTH
// and B_BY_DEPTH (1 where the depth is the last axis of a, of b), VECTORS (1 where every last axis is a multiple of
// 4), which of BIAS … ADD apply, SPLIT, and the tile:
//
// A workgroup of WX×WY computes PM·WY × PN·WX values, an invocation PM×PN of them in registers. STEP of the depth at
// a time passes through workgroup memory; an invocation loads blocks of 4×4, transposed so that a vector holds four
// rows or four columns of one depth. Numerics: one float32 accumulator per value, ascending depth, whatever the tile;
// under HALF the factors are rounded to float16 as they are loaded into workgroup memory. product-tile.ts has the
// tiles and how they were found.
//
// Under SPLIT the depth is split among workgroups along the grid's third axis: y [splits, rows, columns] and rowBias
// [splits, rows] hold partial sums, which sum-of-splits.wgsl adds.

// #include "normal.wgsl"
// #include "matrix-operands.wgsl"
// #include "matrix-statistics.wgsl"
// #include "matrix-store.wgsl"
// #include "matrix-tile.wgsl"

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) invocation: u32,
) {
  // #if SPLIT
  split = group.z;
  multiply(group.xy, depthsOf(group.z), local, invocation);
  // #else
  // Rows that exceed the second axis of the grid continue along the third.
  multiply(vec2u(group.x, group.y + group.z * groups.y), vec2u(0u, p.depth), local, invocation);
  // #endif
}
