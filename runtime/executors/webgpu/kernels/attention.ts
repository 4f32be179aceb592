// Attention: a workgroup for 64 tokens of a head; one kernel forward, and one each for queries and for keys backward.

import type { OperationOf } from "../../../graph/catalog.js";
import type { TensorId } from "../../../graph/tensor.js";
import { type Dispatch, floatBits } from "../dispatch.js";
import type { Operands, Scratch } from "../operands.js";

const TOKENS_PER_GROUP = 64;
/** Two blocks of this many values fill the 16 KiB of workgroup memory that every device has. */
const BLOCK_VALUES = 2048;
const LARGEST_BLOCK = 32;

/** What the three kernels have in common; `out` is the heads' output [B,T,H·E]. */
function sizes(at: Operands, out: TensorId, heads: number) {
  const [batch, tokens, width] = [at.axis(out, 0), at.axis(out, 1), at.axis(out, 2)];
  const headWidth = width / heads;
  const keys = Math.max(
    1,
    Math.min(LARGEST_BLOCK, Math.floor(BLOCK_VALUES / (4 * Math.ceil(headWidth / 4)))),
  );
  return {
    constants: { HEAD_WIDTH: headWidth, FOURS: headWidth % 4 === 0 ? 1 : 0, KEYS: keys },
    numbers: [tokens, heads, floatBits(1 / Math.sqrt(headWidth))],
    grid: [Math.ceil(tokens / TOKENS_PER_GROUP), heads, batch] as const,
    rowSumsBytes: 4 * batch * heads * tokens,
  };
}

export function attention({ reads, writes, attributes }: OperationOf<"attention">, at: Operands): Dispatch {
  const { constants, numbers, grid } = sizes(at, writes.out, attributes.heads);
  const { out, probabilities, logSumExp } = writes;
  const operands = {
    qkv: at.at(reads.qkv),
    out: at.at(out),
    probabilities: at.at(probabilities),
    logSumExp: at.at(logSumExp),
  };
  const keeps = (probabilities === undefined ? 0 : 1) + (logSumExp === undefined ? 0 : 2);
  return { kernel: "attention", constants, operands, numbers: [...numbers, keeps], grid };
}

export function attentionBackward(
  { reads, writes, attributes }: OperationOf<"attentionBackward">,
  at: Operands,
  scratch: Scratch,
): Dispatch[] {
  const { constants: forward, numbers, grid, rowSumsBytes } = sizes(at, reads.dOut, attributes.heads);
  const constants = { ...forward, BACKWARD: 1 };
  const shared = {
    dOut: at.at(reads.dOut),
    qkv: at.at(reads.qkv),
    logSumExp: at.at(reads.logSumExp),
    dQkv: at.at(writes.dQkv),
    rowSums: scratch(rowSumsBytes),
  };
  const queries = { ...shared, out: at.at(reads.out) };
  return [
    { kernel: "attention-query-gradient", constants, operands: queries, numbers, grid },
    { kernel: "attention-key-value-gradient", constants, operands: shared, numbers, grid },
  ];
}
