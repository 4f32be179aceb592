// Assemble tokens: y = (class?, distillation?, registers?, patches) + position. patches [B,N,D], classToken,
// distillationToken [D], registers [R,D], position [T,D] or [N,D], y [B,T,D], T = N + prefix; one invocation for each
// value of y.

// #include "element.wgsl"

struct Params {
  count: u32,
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
@group(0) @binding(1) var<storage, read_write> patches: array<PatchesScalar>;
@group(0) @binding(2) var<storage, read_write> classToken: array<f32>;
@group(0) @binding(3) var<storage, read_write> distillationToken: array<f32>;
@group(0) @binding(4) var<storage, read_write> registers: array<f32>;
@group(0) @binding(5) var<storage, read_write> position: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

fn computeElement(i: u32) {
  let row = i / p.width;
  let column = i % p.width;
  let token = row % p.tokens;
  var value: f32;
  if (token >= p.prefix) {
    let patchRow = (row / p.tokens) * (p.tokens - p.prefix) + token - p.prefix;
    value = f32(patches[patchRow * p.width + column]);
  } else if (token < p.classTokens) {
    value = classToken[column];
  } else if (token < p.classTokens + p.distillationTokens) {
    value = distillationToken[column];
  } else {
    value = registers[(token - p.classTokens - p.distillationTokens) * p.width + column];
  }
  if (token >= p.uncovered) {
    value += position[(token - p.uncovered) * p.width + column];
  }
  y[i] = value;
}
