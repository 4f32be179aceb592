// ReLU backward: dx = dy where y > 0. y, dy, dx [count].

// #include "element.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn computeElement(i: u32) {
  dx[i] = select(0.0, dy[i], y[i] > 0.0);
}
