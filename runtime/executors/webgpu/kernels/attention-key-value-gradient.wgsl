// Attention backward, keys and values: dK = scale·(P∘(dP − D))ᵀ·q, dV = Pᵀ·dOut. Writes their parts of dQkv.
//
// dOut [B,T,H·E], qkv, dQkv [B,T,3·H·E], probabilities P [B,H,T,T], rowSums D [B,H,T] from the kernel of the queries, dP =
// dOut·vᵀ. The loader sets HEAD_WIDTH = E and KEYS, here queries at a time. A workgroup of 64 takes 64 keys of a head, an invocation one, which
// reads P along the rows beside its neighbours; queries and their gradients pass through workgroup memory. Grid: blocks
// of keys, heads, samples. Numerics: float32, queries ascending.

const KEYS_PER_GROUP = 64u;

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

var<workgroup> queries: array<f32, KEYS * HEAD_WIDTH>;
var<workgroup> gradients: array<f32, KEYS * HEAD_WIDTH>;

var<private> value: array<f32, HEAD_WIDTH>;
var<private> keySums: array<f32, HEAD_WIDTH>;
var<private> valueSums: array<f32, HEAD_WIDTH>;

fn place(sample: u32, token: u32, part: u32, head: u32) -> u32 {
  return ((sample * p.tokens + token) * 3u + part) * p.heads * HEAD_WIDTH + head * HEAD_WIDTH;
}

fn loadQueries(sample: u32, head: u32, first: u32, invocation: u32) {
  workgroupBarrier();
  for (var i = invocation; i < KEYS * HEAD_WIDTH; i += KEYS_PER_GROUP) {
    let token = min(first + i / HEAD_WIDTH, p.tokens - 1u);
    queries[i] = qkv[place(sample, token, 0u, head) + i % HEAD_WIDTH];
    gradients[i] = dOut[((sample * p.tokens + token) * p.heads + head) * HEAD_WIDTH + i % HEAD_WIDTH];
  }
  workgroupBarrier();
}

@compute @workgroup_size(KEYS_PER_GROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let head = group.y;
  let sample = group.z;
  let token = group.x * KEYS_PER_GROUP + invocation;
  let known = min(token, p.tokens - 1u);
  let source = place(sample, known, 2u, head);
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    value[i] = qkv[source + i];
    keySums[i] = 0.0;
    valueSums[i] = 0.0;
  }
  let firstRow = (sample * p.heads + head) * p.tokens;
  for (var first = 0u; first < p.tokens; first += KEYS) {
    loadQueries(sample, head, first, invocation);
    let count = min(KEYS, p.tokens - first);
    for (var query = 0u; query < count; query++) {
      let row = firstRow + first + query;
      let at = query * HEAD_WIDTH;
      let probability = probabilities[row * p.tokens + known];
      var change = 0.0;
      for (var i = 0u; i < HEAD_WIDTH; i++) {
        change = fma(gradients[at + i], value[i], change);
      }
      let weight = probability * (change - rowSums[row]);
      for (var i = 0u; i < HEAD_WIDTH; i++) {
        keySums[i] = fma(weight, queries[at + i], keySums[i]);
        valueSums[i] = fma(probability, gradients[at + i], valueSums[i]);
      }
    }
  }
  if (token >= p.tokens) {
    return;
  }
  let toKey = place(sample, token, 1u, head);
  let toValue = place(sample, token, 2u, head);
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    dQkv[toKey + i] = p.scale * keySums[i];
    dQkv[toValue + i] = valueSums[i];
  }
}
