// GELU backward: dx = dy·(Φ(x) + x·φ(x)). x, dy, dx [count].

// #include "element.wgsl"
// #include "normal.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> dy: array<DyScalar>;
@group(0) @binding(3) var<storage, read_write> dx: array<DxScalar>;

fn computeElement(i: u32) {
  dx[i] = DxScalar(f32(dy[i]) * geluSlope(vec4f(f32(x[i]))).x);
}
