// Sigmoid backward: dx = dy·y·(1 − y). y, dy, dx [count].

// #include "element.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn computeElement(i: u32) {
  dx[i] = dy[i] * y[i] * (1.0 - y[i]);
}
