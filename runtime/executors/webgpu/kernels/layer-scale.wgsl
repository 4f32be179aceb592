// LayerScale: y = x·factors. x, y [rows,width], factors [width]. One invocation for each value of y.

// #include "element.wgsl"

struct Params {
  count: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<YScalar>;

fn computeElement(i: u32) {
  y[i] = YScalar(f32(x[i]) * factors[i % p.width]);
}
