// ReLU: y = max(x, 0). x, y [count].

// #include "element.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> y: array<YScalar>;

fn computeElement(i: u32) {
  y[i] = YScalar(max(f32(x[i]), 0.0));
}
