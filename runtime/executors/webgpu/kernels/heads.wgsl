// Heads: where the values of an attention head are, read four at a time. The includer declares p with tokens and
// heads, and qkv. Under FOURS a head's width is a multiple of 4 and arrays are accessed in vectors of four; otherwise
// values past a head's end count as 0. Workgroup memory has the arrays' own type, so it loses no precision.

const VECTORS = (HEAD_WIDTH + 3u) / 4u;

// Index of value 0 of (token, part) in qkv; part 0 is q, 1 is k, 2 is v.
fn place(sample: u32, token: u32, part: u32, head: u32) -> u32 {
  return ((sample * p.tokens + token) * 3u + part) * p.heads * HEAD_WIDTH + head * HEAD_WIDTH;
}

// Index of value 0 of a token in an array [B,T,H·E].
fn outPlace(sample: u32, token: u32, head: u32) -> u32 {
  return ((sample * p.tokens + token) * p.heads + head) * HEAD_WIDTH;
}

// Values 4·vector … 4·vector + 3 of a head's row in qkv.
fn fourOfQkv(row: u32, vector: u32) -> QkvVector {
  // #if FOURS
  return qkv[row / 4u + vector];
  // #else
  var values = QkvVector();
  for (var i = 0u; i < min(4u, HEAD_WIDTH - 4u * vector); i++) {
    values[i] = qkv[row + 4u * vector + i];
  }
  return values;
  // #endif
}

// #if BACKWARD
// Values 4·vector … 4·vector + 3 of a head's row in dOut.
fn fourOfGradient(row: u32, vector: u32) -> DOutVector {
  // #if FOURS
  return dOut[row / 4u + vector];
  // #else
  var values = DOutVector();
  for (var i = 0u; i < min(4u, HEAD_WIDTH - 4u * vector); i++) {
    values[i] = dOut[row + 4u * vector + i];
  }
  return values;
  // #endif
}
// #endif
