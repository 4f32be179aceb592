// Assemble tokens backward: dPatches = dy after the prefix; the sums of dy over the batch are added to the gradients
// of position and prefix. dy [B,T,D], dPatches [B,N,D], dClassToken, dDistillationToken [D], dRegisters [R,D],
// dPosition [T,D] or [N,D], T = N + prefix. One invocation for each value of a sample; samples in ascending order.

// #include "element.wgsl"

struct Params {
  count: u32,
  batch: u32,
  tokens: u32,
  width: u32,
  prefix: u32,
  // 1 or 0 each.
  classTokens: u32,
  distillationTokens: u32,
  // Tokens at the start without a position: 0, or prefix.
  uncovered: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dPatches: array<DPatchesScalar>;
@group(0) @binding(3) var<storage, read_write> dClassToken: array<f32>;
@group(0) @binding(4) var<storage, read_write> dDistillationToken: array<f32>;
@group(0) @binding(5) var<storage, read_write> dRegisters: array<f32>;
@group(0) @binding(6) var<storage, read_write> dPosition: array<f32>;

fn computeElement(i: u32) {
  let token = i / p.width;
  let column = i % p.width;
  var sum = 0.0;
  for (var sample = 0u; sample < p.batch; sample++) {
    let value = dy[(sample * p.tokens + token) * p.width + column];
    sum += value;
    if (token >= p.prefix) {
      dPatches[(sample * (p.tokens - p.prefix) + token - p.prefix) * p.width + column] = DPatchesScalar(value);
    }
  }
  if (token >= p.uncovered) {
    dPosition[i - p.uncovered * p.width] += sum;
  }
  if (token < p.classTokens) {
    dClassToken[column] += sum;
  } else if (token < p.classTokens + p.distillationTokens) {
    dDistillationToken[column] += sum;
  } else if (token < p.prefix) {
    dRegisters[(token - p.classTokens - p.distillationTokens) * p.width + column] += sum;
  }
}
