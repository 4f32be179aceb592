// Sigmoid: y = 1/(1 + exp(−x)). x, y [count].

// #include "element.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  y[i] = 1.0 / (1.0 + exp(-clamp(x[i], -87.0, 87.0)));
}
