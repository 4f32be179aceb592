// Reference implementation of attention.ts in double: loops over samples, heads, queries and keys.

import { referenceSoftmax } from "./reference-softmax.js";

export interface AttentionShape {
  batch: number;
  tokens: number;
  heads: number;
  size: number;
}

type Values = ArrayLike<number>;

/** Index in qkv [B,T,3,H,E]; part 0 = q, 1 = k, 2 = v. */
function qkvIndex(s: AttentionShape, b: number, t: number, part: number, h: number, e: number): number {
  return (((b * s.tokens + t) * 3 + part) * s.heads + h) * s.size + e;
}

function outIndex(s: AttentionShape, b: number, t: number, h: number, e: number): number {
  return ((b * s.tokens + t) * s.heads + h) * s.size + e;
}

export function referenceAttention(qkv: Values, s: AttentionShape) {
  const out = new Float64Array(s.batch * s.tokens * s.heads * s.size);
  const probabilities = new Float64Array(s.batch * s.heads * s.tokens * s.tokens);
  const logSumExp = new Float64Array(s.batch * s.heads * s.tokens);
  const at = (b: number, t: number, part: number, h: number, e: number) => qkv[qkvIndex(s, b, t, part, h, e)];
  for (let b = 0; b < s.batch; b++) {
    for (let h = 0; h < s.heads; h++) {
      for (let i = 0; i < s.tokens; i++) {
        const scores = Array.from({ length: s.tokens }, (_, j) => {
          let sum = 0;
          for (let e = 0; e < s.size; e++) sum += at(b, i, 0, h, e) * at(b, j, 1, h, e);
          return sum;
        });
        const p = referenceSoftmax(scores, s.size ** -0.5);
        const row = (b * s.heads + h) * s.tokens + i;
        probabilities.set(p, row * s.tokens);
        logSumExp[row] = Math.log(scores.reduce((sum, score) => sum + Math.exp(score * s.size ** -0.5), 0));
        for (let e = 0; e < s.size; e++) {
          out[outIndex(s, b, i, h, e)] = p.reduce((sum, weight, j) => sum + weight * at(b, j, 2, h, e), 0);
        }
      }
    }
  }
  return { out, probabilities, logSumExp };
}

/** dQkv by the chain rule, one scalar at a time. */
export function referenceAttentionBackward(dOut: Values, qkv: Values, s: AttentionShape): Float64Array {
  const { probabilities } = referenceAttention(qkv, s);
  const dQkv = new Float64Array(s.batch * s.tokens * 3 * s.heads * s.size);
  const scale = s.size ** -0.5;
  const add = (i: number, value: number) => {
    dQkv[i] = dQkv[i] + value;
  };
  for (let b = 0; b < s.batch; b++) {
    for (let h = 0; h < s.heads; h++) {
      const index = (t: number, part: number, e: number) => qkvIndex(s, b, t, part, h, e);
      const value = (t: number, part: number, e: number) => qkv[index(t, part, e)];
      for (let i = 0; i < s.tokens; i++) {
        const start = ((b * s.heads + h) * s.tokens + i) * s.tokens;
        const p = probabilities.subarray(start, start + s.tokens);
        const d = (e: number) => dOut[outIndex(s, b, i, h, e)];
        const dp = Array.from(p, (_, j) => {
          let sum = 0;
          for (let e = 0; e < s.size; e++) sum += d(e) * value(j, 2, e);
          return sum;
        });
        const mean = dp.reduce((sum, x, j) => sum + x * p[j], 0);
        for (let j = 0; j < s.tokens; j++) {
          const ds = scale * p[j] * (dp[j] - mean);
          for (let e = 0; e < s.size; e++) {
            add(index(j, 2, e), p[j] * d(e));
            add(index(i, 0, e), ds * value(j, 1, e));
            add(index(j, 1, e), ds * value(i, 0, e));
          }
        }
      }
    }
  }
  return dQkv;
}
