// Batch digest: what two batches are compared by, between machines, versions or worker counts.

import { createHash } from "node:crypto";
import type { Batch } from "../../runtime/batches/batch-source.js";

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * SHA-256 of a batch, hex: pixels, labels, partner labels, λ and weights, in this order, numbers little-endian.
 */
export function batchDigest(batch: Omit<Batch, "waitSeconds">): string {
  const hash = createHash("sha256").update(batch.pixels);
  for (const field of [batch.labels, batch.partnerLabels, batch.lambdas, batch.weights])
    hash.update(bytesOf(field));
  return hash.digest("hex");
}
