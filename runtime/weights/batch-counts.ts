// Batch counts: PyTorch's batch norm keeps beside its running statistics how many batches they have seen, an int64
// without axes. No result depends on it, but a strict load_state_dict asks for it.

import type { StoredTensor } from "./safetensors.js";

const COUNT = "num_batches_tracked";
const VARIANCE = /running_var$/;

/** The count of a file's tensors, the largest where they differ; 0 where there is none. */
export function batchCount(
  tensors: ReadonlyMap<string, { readonly data: ArrayLike<number | bigint> }>,
): number {
  let count = 0;
  for (const [name, { data }] of tensors) {
    if (!name.endsWith(`.${COUNT}`)) continue;
    const value = Number(data[0] ?? 0);
    if (Number.isSafeInteger(value)) count = Math.max(count, value);
  }
  return count;
}

/** The tensors with the count after every running variance, as PyTorch orders them. */
export function withBatchCounts(
  tensors: ReadonlyMap<string, StoredTensor>,
  count: number,
): Map<string, StoredTensor> {
  const counted = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    counted.set(name, tensor);
    if (VARIANCE.test(name))
      counted.set(name.replace(VARIANCE, COUNT), {
        dtype: "I64",
        shape: [],
        data: BigInt64Array.of(BigInt(count)),
      });
  }
  return counted;
}
