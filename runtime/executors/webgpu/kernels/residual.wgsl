// Residual: y = x + scale[sample]·branch, where scale is optional. x, branch, y [samples, perSample], scale [samples].

// #include "element.wgsl"

struct Params {
  count: u32,
  perSample: u32,
  scaled: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<XScalar>;
@group(0) @binding(2) var<storage, read_write> branch: array<BranchScalar>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<YScalar>;

fn computeElement(i: u32) {
  var factor = 1.0;
  if (p.scaled != 0u) {
    factor = scale[i / p.perSample];
  }
  y[i] = YScalar(f32(x[i]) + factor * f32(branch[i]));
}
