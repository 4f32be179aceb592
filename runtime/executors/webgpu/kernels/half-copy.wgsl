// Half copy: y = x rounded to float16. x float32 [count], y [count] as vectors of four, whose number is p.count; 256 invocations
// a workgroup. Values beyond ±65,504 become infinite.

// #include "element.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XVector>;
@group(0) @binding(2) var<storage, read_write> y: array<YVector>;

@compute @workgroup_size(ELEMENTS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = elementOf(id, groups);
  if (i >= p.count) {
    return;
  }
  y[i] = YVector(x[i]);
}
