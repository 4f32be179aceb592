// Fill: y = value everywhere. y [count], 256 invocations a workgroup.

// #include "element.wgsl"

struct Params {
  count: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(ELEMENTS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = elementOf(id, groups);
  if (i >= p.count) {
    return;
  }
  y[i] = p.value;
}
