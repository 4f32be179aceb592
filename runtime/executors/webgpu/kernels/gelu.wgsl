// GELU: y = x·Φ(x), exact form. x, y [count]. Absolute error ≤ 3e-7.

// #include "element.wgsl"
// #include "normal.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> y: array<YScalar>;

fn computeElement(i: u32) {
  y[i] = YScalar(geluOf(vec4f(f32(x[i]))).x);
}
