// Attention: out = softmax(q·kᵀ/√E)·v for each head, without an array of tokens × tokens unless it is requested.
//
// qkv [B,T,3·H·E] as (q, k, v), out [B,T,H·E], probabilities [B,H,T,T] where p.keeps & 1, logSumExp [B,H,T] = log Σ
// exp(q·k/√E) where p.keeps & 2, for the backward pass. The dispatch sets HEAD_WIDTH = E, FOURS (1 where E is a
// multiple of 4) and KEYS, the number of keys that pass through workgroup memory at a time (16 KiB with E = 64 in
// float32).
//
// A workgroup of 64 computes 64 queries of a head, one per invocation with its row of sums: softmax needs no exchange
// between invocations. Online softmax (Milakov and Gimelshein, arXiv 1805.02867): the sums are rescaled when a block
// of keys has a larger score. Grid: blocks of queries, heads, samples. Numerics: float32, keys ascending.

// #include "key-block.wgsl"

const LOWEST = -3.4028234e38;

struct Params {
  tokens: u32,
  heads: u32,
  scale: f32,
  keeps: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
// #if FOURS
@group(0) @binding(1) var<storage, read_write> qkv: array<QkvVector>;
@group(0) @binding(2) var<storage, read_write> out: array<OutVector>;
// #else
@group(0) @binding(1) var<storage, read_write> qkv: array<QkvScalar>;
@group(0) @binding(2) var<storage, read_write> out: array<OutScalar>;
// #endif
@group(0) @binding(3) var<storage, read_write> probabilities: array<f32>;
@group(0) @binding(4) var<storage, read_write> logSumExp: array<f32>;

var<private> sums: array<vec4f, VECTORS>;
var<private> scores: array<f32, KEYS>;

@compute @workgroup_size(QUERIES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {
  let head = group.y;
  let sample = group.z;
  let token = group.x * QUERIES + invocation;
  let source = place(sample, min(token, p.tokens - 1u), 0u, head);
  for (var i = 0u; i < VECTORS; i++) {
    query[i] = vec4f(fourOfQkv(source, i));
    sums[i] = vec4f(0.0);
  }
  var largest = LOWEST;
  var total = 0.0;
  for (var first = 0u; first < p.tokens; first += KEYS) {
    loadKeys(sample, head, first, invocation);
    let count = min(KEYS, p.tokens - first);
    var highest = largest;
    for (var key = 0u; key < count; key++) {
      scores[key] = scoreOf(key);
      highest = max(highest, scores[key]);
    }
    let shrink = exp(largest - highest);
    largest = highest;
    total *= shrink;
    for (var i = 0u; i < VECTORS; i++) {
      sums[i] *= shrink;
    }
    for (var key = 0u; key < count; key++) {
      let weight = exp(scores[key] - largest);
      total += weight;
      for (var i = 0u; i < VECTORS; i++) {
        sums[i] = fma(vec4f(weight), vec4f(values[key * VECTORS + i]), sums[i]);
      }
    }
  }
  if (token < p.tokens) {
    let destination = outPlace(sample, token, head);
    // #if FOURS
    for (var i = 0u; i < VECTORS; i++) {
      out[destination / 4u + i] = OutVector(sums[i] / total);
    }
    // #else
    for (var i = 0u; i < HEAD_WIDTH; i++) {
      out[destination + i] = OutScalar(sums[i / 4u][i % 4u] / total);
    }
    // #endif
  }
  let index = (sample * p.heads + head) * p.tokens + token;
  if ((p.keeps & 2u) != 0u && token < p.tokens) {
    logSumExp[index] = largest + log(total);
  }
  if ((p.keeps & 1u) == 0u) {
    return;
  }
  let row = index * p.tokens;
  for (var first = 0u; first < p.tokens; first += KEYS) {
    loadKeys(sample, head, first, invocation);
    let count = min(KEYS, p.tokens - first);
    for (var key = 0u; key < count; key++) {
      if (token < p.tokens) {
        probabilities[row + first + key] = exp(scoreOf(key) - largest) / total;
      }
    }
  }
}
