// Select two tokens backward: dx[:, 0] = dyFirst, dx[:, 1] = dySecond, every other token gets 0. dyFirst, dySecond
// [B,D], dx [B,T,D]. One invocation for each value of dx.

// #include "element.wgsl"

struct Params {
  count: u32,
  tokens: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dyFirst: array<f32>;
@group(0) @binding(2) var<storage, read_write> dySecond: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn computeElement(i: u32) {
  let row = i / p.width;
  let source = (row / p.tokens) * p.width + i % p.width;
  var value = 0.0;
  if (row % p.tokens == 0u) {
    value = dyFirst[source];
  } else if (row % p.tokens == 1u) {
    value = dySecond[source];
  }
  dx[i] = value;
}
