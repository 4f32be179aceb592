// Multi-head self-attention between the qkv and the output projection, forward and backward, without an array of tokens
// × tokens: forward leaves the logarithm of each softmax's denominator, backward computes the weights again from it.
//
// qkv [B,T,3·H·E] holds q, k and v of all heads consecutively, each [H,E], as in timm:
//
//   forward   S = q·kᵀ;  P = softmax(E^-½·S);  out = P·v;  L = log Σ exp(E^-½·S)     4·T²·E flops + T² exponentials
//   backward  S = q·kᵀ;  P = exp(E^-½·S − L);  dV = Pᵀ·dO;  dP = dO·vᵀ;  D = Σ dO∘out;
//             dS = E^-½·P∘(dP − D);  dQ = dS·k;  dK = dSᵀ·q                         12·T²·E flops + T² exponentials
//
// (Dao et al., arXiv 2205.14135, B.2.) Forward takes a block of queries at a time, so that their scores stay in the
// second-level cache (101 KB at 197 tokens) and three heads still give six blocks for the threads. Backward takes a
// block of keys and holds its matrices transposed: dK and dV are then complete, and only dQ's product transposes a
// factor. Threads take whole heads there, since dQ is a sum over all keys: blocks add to it in ascending order, each
// value's chain of additions the same as in one piece. The products read and write the heads in place through gemm's
// strides. Outputs overlap no input.

import { assertFloats } from "./checks";
import { A_TRANSPOSED, ACCUMULATE, B_TRANSPOSED, gemmPlain, PLAIN } from "./gemm";
import { count, cut, first } from "./partition";
import { SCORES_BYTES, scores } from "./scratch";
import { Float4, loadTail, sum4 } from "./simd";
import { softmaxRows, weightsAndGradient } from "./softmax";

/** Maximum queries per block; fewer where the scores of many keys would not fit the scratch memory. */
const QUERIES: usize = 128;
/** Maximum keys per block: 198 in one block take 9.4 ms (DeiT-Tiny, batch 8, 314 KB), in two 9.8, in four longer. */
const KEYS: usize = 256;

/**
 * Number of blocks of at most `most` rows such that `arrays` arrays of their scores and two more rows fit the scratch.
 */
function blocksOf(tokens: usize, most: usize, arrays: usize): usize {
  const fitting = SCORES_BYTES / (max<usize>(1, tokens) << 2);
  const rows = min(most, max<usize>(1, (max<usize>(3, fitting) - 2) / arrays));
  return (tokens + rows - 1) / rows;
}

/** First row of block i of `blocks`, which ends where block i + 1 starts. */
function blockStart(i: usize, blocks: usize, tokens: usize): usize {
  return (tokens * i) / blocks;
}

/** probabilities [B,H,T,T] and logSumExp [B,H,T] may be absent; they are then discarded with their block. */
export function attention(
  qkv: usize,
  out: usize,
  probabilities: usize,
  logSumExp: usize,
  batch: usize,
  tokens: usize,
  heads: usize,
  size: usize,
): void {
  const width = (heads * size) << 2;
  const row = tokens << 2;
  if (!ASC_NO_ASSERT) {
    assertFloats(qkv, batch * tokens * 3 * width);
    assertFloats(out, batch * tokens * width);
    if (probabilities) assertFloats(probabilities, batch * heads * tokens * row);
    if (logSumExp) assertFloats(logSumExp, batch * heads * row);
  }
  const blocks = blocksOf(tokens, QUERIES, 1);
  cut(batch * heads * blocks, 1);
  const end = first + count;
  for (let i = first; i < end; i++) {
    const head = i / blocks;
    const start = blockStart(i % blocks, blocks, tokens);
    const rows = blockStart((i % blocks) + 1, blocks, tokens) - start;
    if (!ASC_NO_ASSERT) assert(probabilities || rows * row <= SCORES_BYTES, "scores exceed their scratch");
    const inBatch = (head / heads) * tokens;
    const inHead = ((head % heads) * size) << 2;
    const q = qkv + inBatch * 3 * width + inHead;
    const p = probabilities ? probabilities + (head * tokens + start) * row : scores();
    const sums = logSumExp ? logSumExp + ((head * tokens + start) << 2) : 0;
    attentionWeights(q, start, rows, p, sums, width, tokens, size);
    const to = out + (inBatch + start) * width + inHead;
    gemmPlain(rows, size, tokens, p, row, q + 2 * width, 3 * width, to, width, PLAIN);
  }
}

/** p [rows,T] from query `start` of the head whose q begins at `q`; width = bytes of q (k, v) of all heads. */
function attentionWeights(
  q: usize,
  start: usize,
  rows: usize,
  p: usize,
  logSumExp: usize,
  width: usize,
  tokens: usize,
  size: usize,
): void {
  const stride = width * 3;
  const queries = q + start * stride;
  gemmPlain(rows, tokens, size, queries, stride, q + width, stride, p, tokens << 2, B_TRANSPOSED);
  softmaxRows(p, p, logSumExp, rows, tokens, scoreScale(size));
}

function scoreScale(size: usize): f32 {
  return <f32>(1.0 / sqrt<f64>(<f64>size));
}

/** dOut, out [B,T,H·E], logSumExp [B,H,T] as `attention` left it → dQkv. */
export function attentionBackward(
  dOut: usize,
  qkv: usize,
  out: usize,
  logSumExp: usize,
  dQkv: usize,
  batch: usize,
  tokens: usize,
  heads: usize,
  size: usize,
): void {
  const width = (heads * size) << 2;
  if (!ASC_NO_ASSERT) {
    assertFloats(dOut, batch * tokens * width);
    assertFloats(qkv, batch * tokens * 3 * width);
    assertFloats(out, batch * tokens * width);
    assertFloats(logSumExp, (batch * heads * tokens) << 2);
    assertFloats(dQkv, batch * tokens * 3 * width);
  }
  cut(batch * heads, 1);
  const end = first + count;
  for (let i = first; i < end; i++) {
    const inBatch = (i / heads) * tokens;
    const inHead = ((i % heads) * size) << 2;
    const head = inBatch * 3 * width + inHead;
    const row = inBatch * width + inHead;
    const sums = logSumExp + ((i * tokens) << 2);
    headBackward(dOut + row, qkv + head, out + row, sums, dQkv + head, width, tokens, size);
  }
}

/** One head; its matrices are [keys, queries]. */
function headBackward(
  dy: usize,
  q: usize,
  y: usize,
  logSumExp: usize,
  dq: usize,
  width: usize,
  tokens: usize,
  size: usize,
): void {
  const stride = width * 3;
  const row = tokens << 2;
  const below = scores();
  const means = below + row;
  for (let i: usize = 0; i < tokens; i++) {
    store<f32>(below + (i << 2), -load<f32>(logSumExp + (i << 2)));
    store<f32>(means + (i << 2), product(dy + i * width, y + i * width, size));
  }
  const blocks = blocksOf(tokens, KEYS, 2);
  const p = means + row;
  for (let i: usize = 0; i < blocks; i++) {
    const start = blockStart(i, blocks, tokens);
    const rows = blockStart(i + 1, blocks, tokens) - start;
    if (!ASC_NO_ASSERT) assert((rows + 1) * row * 2 <= SCORES_BYTES, "scores exceed their scratch");
    const d = p + rows * row;
    const key = q + start * stride + width;
    const dKey = dq + start * stride + width;
    gemmPlain(rows, tokens, size, key, stride, q, stride, p, row, B_TRANSPOSED);
    gemmPlain(rows, tokens, size, key + width, stride, dy, width, d, row, B_TRANSPOSED);
    for (let r: usize = 0; r < rows; r++)
      weightsAndGradient(p + r * row, d + r * row, below, means, tokens, scoreScale(size));
    gemmPlain(rows, size, tokens, p, row, dy, width, dKey + width, stride, PLAIN);
    gemmPlain(rows, size, tokens, d, row, q, stride, dKey, stride, PLAIN);
    const flags = A_TRANSPOSED | (start ? ACCUMULATE : 0);
    gemmPlain(tokens, size, rows, d, row, key, stride, dq, stride, flags);
  }
}

/** Σ a·b over a head's values of one token. */
function product(a: usize, b: usize, size: usize): f32 {
  const whole = (size & ~3) << 2;
  const tail = size & 3;
  let sums = f32x4.splat(0);
  for (let i: usize = 0; i < whole; i += 16) sums = Float4.madd(v128.load(a + i), v128.load(b + i), sums);
  if (tail) sums = Float4.madd(loadTail(a + whole, tail, 0), loadTail(b + whole, tail, 0), sums);
  return sum4(sums);
}
