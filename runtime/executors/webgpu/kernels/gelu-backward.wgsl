// GELU backward: dx = dy·(Φ(x) + x·φ(x)). x, dy, dx [count], 256 invocations a workgroup.

// #include "element.wgsl"
// #include "normal.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(ELEMENTS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = elementOf(id, groups);
  if (i >= p.count) {
    return;
  }
  dx[i] = dy[i] * geluSlope(vec4f(x[i])).x;
}
