// Scale channels: y = x·scale. x, y [B,N,C], scale [B,C], 256 invocations a workgroup.

// #include "element.wgsl"

struct Params {
  count: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<YScalar>;

@compute @workgroup_size(ELEMENTS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = elementOf(id, groups);
  if (i >= p.count) {
    return;
  }
  let sample = i / (p.pixels * p.channels);
  y[i] = YScalar(f32(x[i]) * scale[sample * p.channels + i % p.channels]);
}
