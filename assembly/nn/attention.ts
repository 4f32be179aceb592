// Multi-head self-attention between the qkv and the output projection, forward and backward.
//
// qkv [B,T,3·H·E] holds q, k and v of all heads one behind the other, each [H,E], as timm lays them out. One
// (sample, head) at a time, so that its T×T scores stay in the second-level cache (155 KB at 197 tokens):
//
//   forward   S = q·kᵀ;  P = softmax(E^-½·S);  out = P·v                    4·T²·E flops + T² exponentials
//   backward  dV = Pᵀ·dO;  dP = dO·vᵀ;  dS = E^-½·P∘(dP − Σ P∘dP);  dQ = dS·k;  dK = dSᵀ·q      10·T²·E flops
//
// The products read and write the heads in place through gemm's strides. Outputs overlap no input.

import { A_TRANSPOSED, B_TRANSPOSED, gemm } from "./gemm";
import { softmaxRows, softmaxRowsBackward } from "./softmax";

/** probabilities [B,H,T,T] may be 0: then scratch [T,T] holds one head's at a time. */
export function attention(
  qkv: usize,
  out: usize,
  probabilities: usize,
  scratch: usize,
  batch: usize,
  tokens: usize,
  heads: usize,
  size: usize,
): void {
  const width = (heads * size) << 2;
  const square = (tokens * tokens) << 2;
  for (let b: usize = 0; b < batch; b++) {
    for (let h: usize = 0; h < heads; h++) {
      const q = qkv + b * tokens * 3 * width + ((h * size) << 2);
      const p = probabilities ? probabilities + (b * heads + h) * square : scratch;
      attentionWeights(q, p, width, tokens, size);
      const to = out + b * tokens * width + ((h * size) << 2);
      gemm(tokens, size, tokens, p, tokens << 2, q + 2 * width, 3 * width, to, width, 0, 0, 0);
    }
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
  for (let b: usize = 0; b < batch; b++) {
    for (let h: usize = 0; h < heads; h++) {
      const q = qkv + b * tokens * 3 * width + ((h * size) << 2);
      attentionWeights(q, probabilities + (b * heads + h) * square, width, tokens, size);
    }
  }
}

/** p [T,T] of the head whose q begins at `q`; width = bytes of q (k, v) of all heads. */
function attentionWeights(q: usize, p: usize, width: usize, tokens: usize, size: usize): void {
  const row = tokens << 2;
  gemm(tokens, tokens, size, q, 3 * width, q + width, 3 * width, p, row, B_TRANSPOSED, 0, 0);
  softmaxRows(p, p, tokens, tokens, scoreScale(size));
}

function scoreScale(size: usize): f32 {
  return <f32>(1.0 / sqrt<f64>(<f64>size));
}

export function attentionBackward(
  dOut: usize,
  qkv: usize,
  probabilities: usize,
  dQkv: usize,
  scratch: usize,
  batch: usize,
  tokens: usize,
  heads: usize,
  size: usize,
): void {
  const width = (heads * size) << 2;
  const stride = width * 3;
  const row = tokens << 2;
  for (let b: usize = 0; b < batch; b++) {
    for (let h: usize = 0; h < heads; h++) {
      const head = b * tokens * stride + ((h * size) << 2);
      const q = qkv + head;
      const dq = dQkv + head;
      const p = probabilities + (b * heads + h) * tokens * row;
      const dy = dOut + b * tokens * width + ((h * size) << 2);
      const v = q + 2 * width;
      gemm(tokens, size, tokens, p, row, dy, width, dq + 2 * width, stride, A_TRANSPOSED, 0, 0);
      gemm(tokens, tokens, size, dy, width, v, stride, scratch, row, B_TRANSPOSED, 0, 0);
      softmaxRowsBackward(p, scratch, tokens, tokens, scoreScale(size));
      gemm(tokens, size, tokens, scratch, row, q + width, stride, dq, stride, 0, 0, 0);
      gemm(tokens, size, tokens, scratch, row, q, stride, dq + width, stride, A_TRANSPOSED, 0, 0);
    }
  }
}
