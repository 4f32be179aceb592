// Half copy: y = x rounded to float16. x [count], y [count] as vectors of four, which p.count counts. Values beyond
// ±65,504 become infinite.

// #include "element.wgsl"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XVector>;
@group(0) @binding(2) var<storage, read_write> y: array<YVector>;

fn computeElement(i: u32) {
  y[i] = YVector(x[i]);
}
