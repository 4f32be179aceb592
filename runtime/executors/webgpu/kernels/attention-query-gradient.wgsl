// Attention backward, the queries: with dP = dOut·vᵀ and D = Σ P·dP, dQ = scale·(P∘(dP − D))·k. Writes q's part of dQkv,
// and D for the kernel of keys and values.
//
// dOut [B,T,H·E], qkv, dQkv [B,T,3·H·E], probabilities P [B,H,T,T], rowSums D [B,H,T]. The loader sets HEAD_WIDTH = E and
// KEYS. A workgroup of 64 takes 64 queries of a head, an invocation one; keys and values pass through workgroup memory
// twice: for D, then for the gradient. Grid: blocks of queries, heads, samples. Numerics: float32, keys ascending.

const QUERIES = 64u;

struct Params {
  tokens: u32,
  heads: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dOut: array<f32>;
@group(0) @binding(2) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(3) var<storage, read_write> probabilities: array<f32>;
@group(0) @binding(4) var<storage, read_write> dQkv: array<f32>;
@group(0) @binding(5) var<storage, read_write> rowSums: array<f32>;

var<workgroup> keys: array<f32, KEYS * HEAD_WIDTH>;
var<workgroup> values: array<f32, KEYS * HEAD_WIDTH>;

var<private> gradient: array<f32, HEAD_WIDTH>;
var<private> sums: array<f32, HEAD_WIDTH>;

fn place(sample: u32, token: u32, part: u32, head: u32) -> u32 {
  return ((sample * p.tokens + token) * 3u + part) * p.heads * HEAD_WIDTH + head * HEAD_WIDTH;
}

fn loadKeys(sample: u32, head: u32, first: u32, invocation: u32) {
  workgroupBarrier();
  for (var i = invocation; i < KEYS * HEAD_WIDTH; i += QUERIES) {
    let token = min(first + i / HEAD_WIDTH, p.tokens - 1u);
    keys[i] = qkv[place(sample, token, 1u, head) + i % HEAD_WIDTH];
    values[i] = qkv[place(sample, token, 2u, head) + i % HEAD_WIDTH];
  }
  workgroupBarrier();
}

fn probabilityGradient(key: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    sum = fma(gradient[i], values[key * HEAD_WIDTH + i], sum);
  }
  return sum;
}

@compute @workgroup_size(QUERIES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let head = group.y;
  let sample = group.z;
  let token = group.x * QUERIES + invocation;
  let known = min(token, p.tokens - 1u);
  let source = ((sample * p.tokens + known) * p.heads + head) * HEAD_WIDTH;
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    gradient[i] = dOut[source + i];
    sums[i] = 0.0;
  }
  let row = (sample * p.heads + head) * p.tokens + known;
  var rowSum = 0.0;
  for (var first = 0u; first < p.tokens; first += KEYS) {
    loadKeys(sample, head, first, invocation);
    let count = min(KEYS, p.tokens - first);
    for (var key = 0u; key < count; key++) {
      rowSum = fma(probabilities[row * p.tokens + first + key], probabilityGradient(key), rowSum);
    }
  }
  for (var first = 0u; first < p.tokens; first += KEYS) {
    loadKeys(sample, head, first, invocation);
    let count = min(KEYS, p.tokens - first);
    for (var key = 0u; key < count; key++) {
      let weight = probabilities[row * p.tokens + first + key] * (probabilityGradient(key) - rowSum);
      for (var i = 0u; i < HEAD_WIDTH; i++) {
        sums[i] = fma(weight, keys[key * HEAD_WIDTH + i], sums[i]);
      }
    }
  }
  if (token >= p.tokens) {
    return;
  }
  rowSums[row] = rowSum;
  let destination = place(sample, token, 0u, head);
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    dQkv[destination + i] = p.scale * sums[i];
  }
}
