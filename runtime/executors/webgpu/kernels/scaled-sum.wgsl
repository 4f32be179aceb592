// Scaled sum: y = alpha·a + beta·b. a, b, y [count]; y may be a or b.

// #include "element.wgsl"

struct Params {
  count: u32,
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  y[i] = p.alpha * a[i] + p.beta * b[i];
}
