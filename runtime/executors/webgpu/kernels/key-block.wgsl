// Key block: keys and values of a head in workgroup memory, for kernels with one query per invocation. The includer
// declares p with tokens, heads and scale, and qkv; it sets KEYS, the number of keys per block.

// #include "heads.wgsl"

const QUERIES = 64u;

var<workgroup> keys: array<QkvVector, KEYS * VECTORS>;
var<workgroup> values: array<QkvVector, KEYS * VECTORS>;

var<private> query: array<vec4f, VECTORS>;

fn loadKeys(sample: u32, head: u32, first: u32, invocation: u32) {
  workgroupBarrier();
  for (var i = invocation; i < KEYS * VECTORS; i += QUERIES) {
    let token = min(first + i / VECTORS, p.tokens - 1u);
    keys[i] = fourOfQkv(place(sample, token, 1u, head), i % VECTORS);
    values[i] = fourOfQkv(place(sample, token, 2u, head), i % VECTORS);
  }
  workgroupBarrier();
}

// q·k/√E for the query and a key of the block.
fn scoreOf(key: u32) -> f32 {
  var sum = vec4f(0.0);
  for (var i = 0u; i < VECTORS; i++) {
    sum += query[i] * vec4f(keys[key * VECTORS + i]);
  }
  return dot(sum, vec4f(1.0)) * p.scale;
}
