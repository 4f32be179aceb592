// Scale rows: y = scale[sample]·x. x, y [samples, perSample], scale [samples].

// #include "element.wgsl"

struct Params {
  count: u32,
  perSample: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  y[i] = scale[i / p.perSample] * x[i];
}
