// Attention backward, keys and values: dK = scale·(P∘(dP − D))ᵀ·q, dV = Pᵀ·dOut. Writes their parts of dQkv.
//
// dOut [B,T,H·E], qkv, dQkv [B,T,3·H·E], logSumExp L [B,H,T], rowSums D [B,H,T] from the kernel of the queries; P =
// exp(scale·q·k − L), dP = dOut·vᵀ. The dispatch sets HEAD_WIDTH = E, FOURS (1 where E is a multiple of 4), BACKWARD
// = 1 and KEYS, here the number of queries per block. A workgroup of 64 computes 64 keys of a head, one per
// invocation; queries and their gradients pass through workgroup memory. Grid: blocks of keys, heads, samples.
// Numerics: float32, queries ascending.

// #include "heads.wgsl"

const KEYS_PER_GROUP = 64u;

struct Params {
  tokens: u32,
  heads: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
// #if FOURS
@group(0) @binding(1) var<storage, read_write> dOut: array<DOutVector>;
@group(0) @binding(2) var<storage, read_write> qkv: array<QkvVector>;
@group(0) @binding(4) var<storage, read_write> dQkv: array<DQkvVector>;
// #else
@group(0) @binding(1) var<storage, read_write> dOut: array<DOutScalar>;
@group(0) @binding(2) var<storage, read_write> qkv: array<QkvScalar>;
@group(0) @binding(4) var<storage, read_write> dQkv: array<DQkvScalar>;
// #endif
@group(0) @binding(3) var<storage, read_write> logSumExp: array<f32>;
@group(0) @binding(5) var<storage, read_write> rowSums: array<f32>;

var<workgroup> queries: array<QkvVector, KEYS * VECTORS>;
var<workgroup> gradients: array<DOutVector, KEYS * VECTORS>;

var<private> key: array<vec4f, VECTORS>;
var<private> value: array<vec4f, VECTORS>;
var<private> keySums: array<vec4f, VECTORS>;
var<private> valueSums: array<vec4f, VECTORS>;

fn loadQueries(sample: u32, head: u32, first: u32, invocation: u32) {
  workgroupBarrier();
  for (var i = invocation; i < KEYS * VECTORS; i += KEYS_PER_GROUP) {
    let token = min(first + i / VECTORS, p.tokens - 1u);
    queries[i] = fourOfQkv(place(sample, token, 0u, head), i % VECTORS);
    gradients[i] = fourOfGradient(outPlace(sample, token, head), i % VECTORS);
  }
  workgroupBarrier();
}

@compute @workgroup_size(KEYS_PER_GROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let head = group.y;
  let sample = group.z;
  let token = group.x * KEYS_PER_GROUP + invocation;
  let known = min(token, p.tokens - 1u);
  for (var i = 0u; i < VECTORS; i++) {
    key[i] = vec4f(fourOfQkv(place(sample, known, 1u, head), i));
    value[i] = vec4f(fourOfQkv(place(sample, known, 2u, head), i));
    keySums[i] = vec4f(0.0);
    valueSums[i] = vec4f(0.0);
  }
  let firstRow = (sample * p.heads + head) * p.tokens;
  for (var first = 0u; first < p.tokens; first += KEYS) {
    loadQueries(sample, head, first, invocation);
    let count = min(KEYS, p.tokens - first);
    for (var query = 0u; query < count; query++) {
      let row = firstRow + first + query;
      let at = query * VECTORS;
      var score = vec4f(0.0);
      var change = vec4f(0.0);
      for (var i = 0u; i < VECTORS; i++) {
        score += vec4f(queries[at + i]) * key[i];
        change += vec4f(gradients[at + i]) * value[i];
      }
      let probability = exp(dot(score, vec4f(1.0)) * p.scale - logSumExp[row]);
      let weight = probability * (dot(change, vec4f(1.0)) - rowSums[row]);
      for (var i = 0u; i < VECTORS; i++) {
        keySums[i] = fma(vec4f(weight), vec4f(queries[at + i]), keySums[i]);
        valueSums[i] = fma(vec4f(probability), vec4f(gradients[at + i]), valueSums[i]);
      }
    }
  }
  if (token >= p.tokens) {
    return;
  }
  let toKey = place(sample, token, 1u, head);
  let toValue = place(sample, token, 2u, head);
  // #if FOURS
  for (var i = 0u; i < VECTORS; i++) {
    dQkv[toKey / 4u + i] = DQkvVector(p.scale * keySums[i]);
    dQkv[toValue / 4u + i] = DQkvVector(valueSums[i]);
  }
  // #else
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    dQkv[toKey + i] = DQkvScalar(p.scale * keySums[i / 4u][i % 4u]);
    dQkv[toValue + i] = DQkvScalar(valueSums[i / 4u][i % 4u]);
  }
  // #endif
}
