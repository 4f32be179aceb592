// Fill: y = value everywhere. y [count].

// #include "element.wgsl"

struct Params {
  count: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  y[i] = p.value;
}
