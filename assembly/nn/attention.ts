// Multi-head self-attention between the qkv and the output projection, forward and backward.
//
// qkv [B,T,3·H·E] holds q, k and v of all heads one behind the other, each [H,E], as timm lays them out. A block of up
// to 128 queries at a time, so that their scores stay in the second-level cache (101 KB at 197 tokens) and three heads
// still give six blocks to share among threads:
//
//   forward   S = q·kᵀ;  P = softmax(E^-½·S);  out = P·v                    4·T²·E flops + T² exponentials
//   backward  dV = Pᵀ·dO;  dP = dO·vᵀ;  dS = E^-½·P∘(dP − Σ P∘dP);  dQ = dS·k;  dK = dSᵀ·q      10·T²·E flops
//
// The products read and write the heads in place through gemm's strides. Outputs overlap no input. Threads share blocks
// of queries going forward and whole heads going backward, where dK and dV are sums over all queries: blocks add to dK
// in ascending order, each value's chain of additions the same as in one piece.

import { A_TRANSPOSED, ACCUMULATE, B_TRANSPOSED, gemm } from "./gemm";
import { SCORES_BYTES, scores } from "./scratch";
import { count, cut, first } from "./share";
import { softmaxRows, softmaxRowsBackward } from "./softmax";

/** Queries of a block at most; fewer where the keys are so many that their scores would not fit the scratch. */
const BLOCK: usize = 128;

function blocksOf(tokens: usize): usize {
  const fitting = max<usize>(1, SCORES_BYTES / max<usize>(4, tokens << 2));
  const rows = min(BLOCK, fitting);
  return (tokens + rows - 1) / rows;
}

/** First query of block i of `blocks`; that of block i + 1 ends it. */
function blockStart(i: usize, blocks: usize, tokens: usize): usize {
  return (tokens * i) / blocks;
}

/** probabilities [B,H,T,T] may be 0: then nothing outlives its block. */
export function attention(
  qkv: usize,
  out: usize,
  probabilities: usize,
  batch: usize,
  tokens: usize,
  heads: usize,
  size: usize,
): void {
  const width = (heads * size) << 2;
  const row = tokens << 2;
  const blocks = blocksOf(tokens);
  cut(batch * heads * blocks, 1);
  const end = first + count;
  for (let i = first; i < end; i++) {
    const head = i / blocks;
    const start = blockStart(i % blocks, blocks, tokens);
    const rows = blockStart((i % blocks) + 1, blocks, tokens) - start;
    const inBatch = (head / heads) * tokens;
    const inHead = ((head % heads) * size) << 2;
    const q = qkv + inBatch * 3 * width + inHead;
    const p = probabilities ? probabilities + (head * tokens + start) * row : scores();
    attentionWeights(q, start, rows, p, width, tokens, size);
    const to = out + (inBatch + start) * width + inHead;
    gemm(rows, size, tokens, p, row, q + 2 * width, 3 * width, to, width, 0, 0, 0);
  }
}

/** The attention weights alone. */
export function attentionProbabilities(
  qkv: usize,
  probabilities: usize,
  batch: usize,
  tokens: usize,
  heads: usize,
  size: usize,
): void {
  const width = (heads * size) << 2;
  const square = (tokens * tokens) << 2;
  cut(batch * heads, 1);
  const end = first + count;
  for (let head = first; head < end; head++) {
    const q = qkv + (head / heads) * tokens * 3 * width + (((head % heads) * size) << 2);
    attentionWeights(q, 0, tokens, probabilities + head * square, width, tokens, size);
  }
}

/** p [rows,T] from query `start` of the head whose q begins at `q`; width = bytes of q (k, v) of all heads. */
function attentionWeights(
  q: usize,
  start: usize,
  rows: usize,
  p: usize,
  width: usize,
  tokens: usize,
  size: usize,
): void {
  const stride = width * 3;
  const queries = q + start * stride;
  gemm(rows, tokens, size, queries, stride, q + width, stride, p, tokens << 2, B_TRANSPOSED, 0, 0);
  softmaxRows(p, p, rows, tokens, scoreScale(size));
}

function scoreScale(size: usize): f32 {
  return <f32>(1.0 / sqrt<f64>(<f64>size));
}

export function attentionBackward(
  dOut: usize,
  qkv: usize,
  probabilities: usize,
  dQkv: usize,
  batch: usize,
  tokens: usize,
  heads: usize,
  size: usize,
): void {
  const width = (heads * size) << 2;
  cut(batch * heads, 1);
  const end = first + count;
  for (let i = first; i < end; i++) {
    const inBatch = (i / heads) * tokens;
    const inHead = ((i % heads) * size) << 2;
    const head = inBatch * 3 * width + inHead;
    const p = probabilities + i * tokens * (tokens << 2);
    headBackward(dOut + inBatch * width + inHead, qkv + head, p, dQkv + head, width, tokens, size);
  }
}

function headBackward(
  dy: usize,
  q: usize,
  p: usize,
  dq: usize,
  width: usize,
  tokens: usize,
  size: usize,
): void {
  const stride = width * 3;
  const row = tokens << 2;
  const v = q + 2 * width;
  gemm(tokens, size, tokens, p, row, dy, width, dq + 2 * width, stride, A_TRANSPOSED, 0, 0);
  const blocks = blocksOf(tokens);
  const d = scores();
  for (let i: usize = 0; i < blocks; i++) {
    const start = blockStart(i, blocks, tokens);
    const rows = blockStart(i + 1, blocks, tokens) - start;
    gemm(rows, tokens, size, dy + start * width, width, v, stride, d, row, B_TRANSPOSED, 0, 0);
    softmaxRowsBackward(p + start * row, d, rows, tokens, scoreScale(size));
    gemm(rows, size, tokens, d, row, q + width, stride, dq + start * stride, stride, 0, 0, 0);
    const flags = A_TRANSPOSED | (start ? ACCUMULATE : 0);
    gemm(tokens, size, rows, d, row, q + start * stride, stride, dq + width, stride, flags, 0, 0);
  }
}
