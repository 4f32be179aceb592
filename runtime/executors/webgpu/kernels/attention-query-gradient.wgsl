// Attention backward, the queries: with P = exp(scale·q·k − L), dP = dOut·vᵀ and D = Σ dOut·out, dQ = scale·(P∘(dP −
// D))·k. Writes q's part of dQkv, and D for the kernel of keys and values. arXiv 2205.14135, B.2.
//
// dOut, out [B,T,H·E], qkv, dQkv [B,T,3·H·E], logSumExp L [B,H,T], rowSums D [B,H,T]. The dispatch sets HEAD_WIDTH =
// E, FOURS (1 where E is a multiple of 4), BACKWARD = 1 and KEYS. A workgroup of 64 computes 64 queries of a head,
// one per invocation; keys and values pass through workgroup memory. Grid: blocks of queries, heads, samples.
// Numerics: float32, keys ascending.

// #include "key-block.wgsl"

struct Params {
  tokens: u32,
  heads: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
// #if FOURS
@group(0) @binding(1) var<storage, read_write> dOut: array<DOutVector>;
@group(0) @binding(2) var<storage, read_write> qkv: array<QkvVector>;
@group(0) @binding(3) var<storage, read_write> out: array<OutVector>;
@group(0) @binding(5) var<storage, read_write> dQkv: array<DQkvVector>;
// #else
@group(0) @binding(1) var<storage, read_write> dOut: array<DOutScalar>;
@group(0) @binding(2) var<storage, read_write> qkv: array<QkvScalar>;
@group(0) @binding(3) var<storage, read_write> out: array<OutScalar>;
@group(0) @binding(5) var<storage, read_write> dQkv: array<DQkvScalar>;
// #endif
@group(0) @binding(4) var<storage, read_write> logSumExp: array<f32>;
@group(0) @binding(6) var<storage, read_write> rowSums: array<f32>;

var<private> gradient: array<vec4f, VECTORS>;
var<private> sums: array<vec4f, VECTORS>;

fn probabilityGradient(key: u32) -> f32 {
  var sum = vec4f(0.0);
  for (var i = 0u; i < VECTORS; i++) {
    sum += gradient[i] * vec4f(values[key * VECTORS + i]);
  }
  return dot(sum, vec4f(1.0));
}

@compute @workgroup_size(QUERIES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let head = group.y;
  let sample = group.z;
  let token = group.x * QUERIES + invocation;
  let known = min(token, p.tokens - 1u);
  let source = outPlace(sample, known, head);
  for (var i = 0u; i < VECTORS; i++) {
    query[i] = vec4f(fourOfQkv(place(sample, known, 0u, head), i));
    gradient[i] = vec4f(fourOfGradient(source, i));
    sums[i] = vec4f(0.0);
  }
  var rowSum = 0.0;
  // #if FOURS
  for (var i = 0u; i < VECTORS; i++) {
    rowSum += dot(gradient[i], vec4f(out[source / 4u + i]));
  }
  // #else
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    rowSum = fma(gradient[i / 4u][i % 4u], f32(out[source + i]), rowSum);
  }
  // #endif
  let row = (sample * p.heads + head) * p.tokens + known;
  let sum = logSumExp[row];
  for (var first = 0u; first < p.tokens; first += KEYS) {
    loadKeys(sample, head, first, invocation);
    let count = min(KEYS, p.tokens - first);
    for (var key = 0u; key < count; key++) {
      let weight = exp(scoreOf(key) - sum) * (probabilityGradient(key) - rowSum);
      for (var i = 0u; i < VECTORS; i++) {
        sums[i] = fma(vec4f(weight), vec4f(keys[key * VECTORS + i]), sums[i]);
      }
    }
  }
  if (token >= p.tokens) {
    return;
  }
  rowSums[row] = rowSum;
  let destination = place(sample, token, 0u, head);
  // #if FOURS
  for (var i = 0u; i < VECTORS; i++) {
    dQkv[destination / 4u + i] = DQkvVector(p.scale * sums[i]);
  }
  // #else
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    dQkv[destination + i] = DQkvScalar(p.scale * sums[i / 4u][i % 4u]);
  }
  // #endif
}
