// Row: the entry point of the row-wise kernels: a workgroup of 64 invocations computes one row. The includer declares
// p.rows and computeRow(row, lane), which every invocation of the workgroup calls. Grids larger than an axis allows
// are folded.

// #include "lanes.wgsl"

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
  computeRow(row, lane);
}
