// Tensor table: the parameters of the kernels that compute over up to 30 tensors of a run at once, a row of workgroups for
// each. Written by lamb.ts.

struct Params {
  // Workgroups for each tensor.
  groups: u32,
  // Place of the first of these tensors among those of the run.
  base: u32,
  zero: u32,
  rateFactor: f32,
  // First value and number of values, of two tensors in each vector.
  table: array<vec4u, 15>,
}

@group(0) @binding(0) var<uniform> p: Params;

// First value and number of values of tensor `index` of this dispatch.
fn tensorAt(index: u32) -> vec2u {
  let pair = p.table[index >> 1u];
  return select(pair.xy, pair.zw, (index & 1u) == 1u);
}
