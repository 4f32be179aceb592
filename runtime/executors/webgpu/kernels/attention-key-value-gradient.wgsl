// Attention backward, keys and values: dK = scale·(P∘(dP − D))ᵀ·q, dV = Pᵀ·dOut. Writes their parts of dQkv.
//
// dOut [B,T,H·E], qkv, dQkv [B,T,3·H·E], logSumExp L [B,H,T], rowSums D [B,H,T] from the kernel of the queries; P =
// exp(scale·q·k − L), dP = dOut·vᵀ. The loader sets HEAD_WIDTH = E and KEYS, here queries at a time. A workgroup of 64
// takes 64 keys of a head, an invocation one; queries and their gradients pass through workgroup memory. Grid: blocks
// of keys, heads, samples. Numerics: float32, queries ascending.

const KEYS_PER_GROUP = 64u;
const VECTORS = (HEAD_WIDTH + 3u) / 4u;

struct Params {
  tokens: u32,
  heads: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> dOut: array<f32>;
@group(0) @binding(2) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(3) var<storage, read_write> logSumExp: array<f32>;
@group(0) @binding(4) var<storage, read_write> dQkv: array<f32>;
@group(0) @binding(5) var<storage, read_write> rowSums: array<f32>;

var<workgroup> queries: array<vec4f, KEYS * VECTORS>;
var<workgroup> gradients: array<vec4f, KEYS * VECTORS>;

var<private> key: array<vec4f, VECTORS>;
var<private> value: array<vec4f, VECTORS>;
var<private> keySums: array<vec4f, VECTORS>;
var<private> valueSums: array<vec4f, VECTORS>;

// Place of value 0 of (token, part) in qkv; part 0 is q, 1 is k, 2 is v.
fn place(sample: u32, token: u32, part: u32, head: u32) -> u32 {
  return ((sample * p.tokens + token) * 3u + part) * p.heads * HEAD_WIDTH + head * HEAD_WIDTH;
}

// Values 4·vector … 4·vector + 3 of a head's row in qkv; zeros behind its end.
fn fourOfQkv(row: u32, vector: u32) -> vec4f {
  var values = vec4f(0.0);
  for (var i = 0u; i < 4u; i++) {
    if (HEAD_WIDTH % 4u == 0u || vector * 4u + i < HEAD_WIDTH) {
      values[i] = qkv[row + vector * 4u + i];
    }
  }
  return values;
}

// As fourOfQkv, of dOut.
fn fourOfGradient(row: u32, vector: u32) -> vec4f {
  var values = vec4f(0.0);
  for (var i = 0u; i < 4u; i++) {
    if (HEAD_WIDTH % 4u == 0u || vector * 4u + i < HEAD_WIDTH) {
      values[i] = dOut[row + vector * 4u + i];
    }
  }
  return values;
}

fn loadQueries(sample: u32, head: u32, first: u32, invocation: u32) {
  workgroupBarrier();
  for (var i = invocation; i < KEYS * VECTORS; i += KEYS_PER_GROUP) {
    let token = min(first + i / VECTORS, p.tokens - 1u);
    queries[i] = fourOfQkv(place(sample, token, 0u, head), i % VECTORS);
    gradients[i] = fourOfGradient(((sample * p.tokens + token) * p.heads + head) * HEAD_WIDTH, i % VECTORS);
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
    key[i] = fourOfQkv(place(sample, known, 1u, head), i);
    value[i] = fourOfQkv(place(sample, known, 2u, head), i);
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
        score += queries[at + i] * key[i];
        change += gradients[at + i] * value[i];
      }
      let probability = exp(dot(score, vec4f(1.0)) * p.scale - logSumExp[row]);
      let weight = probability * (dot(change, vec4f(1.0)) - rowSums[row]);
      for (var i = 0u; i < VECTORS; i++) {
        keySums[i] = fma(vec4f(weight), queries[at + i], keySums[i]);
        valueSums[i] = fma(vec4f(probability), gradients[at + i], valueSums[i]);
      }
    }
  }
  if (token >= p.tokens) {
    return;
  }
  let toKey = place(sample, token, 1u, head);
  let toValue = place(sample, token, 2u, head);
  for (var i = 0u; i < HEAD_WIDTH; i++) {
    dQkv[toKey + i] = p.scale * keySums[i / 4u][i % 4u];
    dQkv[toValue + i] = valueSums[i / 4u][i % 4u];
  }
}
