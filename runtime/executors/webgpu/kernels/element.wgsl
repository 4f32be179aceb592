// Element: the entry point of the element-wise kernels: an invocation computes one value. The includer declares
// p.count and computeElement(i). 256 invocations a workgroup; grids larger than an axis allows are folded.

const ELEMENTS = 256u;

@compute @workgroup_size(ELEMENTS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ELEMENTS;
  if (i < p.count) {
    computeElement(i);
  }
}
