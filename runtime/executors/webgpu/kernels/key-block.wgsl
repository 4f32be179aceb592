// Key block: keys and values of a head as they pass through workgroup memory, in front of the kernels that give an invocation a
// query. Whoever includes it declares p with tokens, heads and scale, and qkv; it sets KEYS, how many pass at a time.

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

// Of the query and a key of the block, q·k/√E.
fn scoreOf(key: u32) -> f32 {
  var sum = vec4f(0.0);
  for (var i = 0u; i < VECTORS; i++) {
    sum += query[i] * vec4f(keys[key * VECTORS + i]);
  }
  return dot(sum, vec4f(1.0)) * p.scale;
}
