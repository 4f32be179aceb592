// Weights digest: what identifies a teacher, whether its files are here or a server answers for them.

import { createHash } from "node:crypto";
import type { ModelSource } from "../runtime/host/host.js";
import { readWeights } from "../runtime/model-files/stored-model.js";

/** SHA-256 of a model's weight files, hexadecimal. Throws what `readWeights` throws. */
export async function weightsDigest(source: ModelSource): Promise<string> {
  const hash = createHash("sha256");
  for (const bytes of (await readWeights(source)).values()) hash.update(bytes);
  return hash.digest("hex");
}
