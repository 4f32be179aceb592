// Weights digest: what identifies a teacher, whether its files are here or a server answers for them.

import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ModelSource } from "../runtime/host/host.js";
import { readWeights } from "../runtime/model-files/stored-model.js";

/** Bytes between two turns of the event loop, which may serve others meanwhile: some ten milliseconds. */
const PIECE = 16 * 2 ** 20;

/** SHA-256 of a model's weight files, hexadecimal. Throws what `readWeights` throws. */
export async function weightsDigest(source: ModelSource): Promise<string> {
  const hash = createHash("sha256");
  for (const bytes of (await readWeights(source)).values())
    for (let start = 0; start < bytes.length; start += PIECE) {
      hash.update(bytes.subarray(start, start + PIECE));
      await nextTurn();
    }
  return hash.digest("hex");
}
