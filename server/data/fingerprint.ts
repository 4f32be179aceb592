// Fingerprint: which data set it is, as a SHA-256 over the text that identifies it.

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { fingerprintHead, fingerprintLine } from "../../runtime/batches/fingerprint-text.js";
import type { Listing } from "./dataset.js";
import { hashAt, rowsOf } from "./sample-table.js";

/** Text that is hashed at once: a call for each row would take most of the time. */
const PIECE = 1 << 16;

/** A name that is not UTF-8 is its bytes, without the quotes that any text has. */
function nameKey(name: Uint8Array): string {
  return isUtf8(name) ? JSON.stringify(Buffer.from(name).toString()) : Buffer.from(name).toString("hex");
}

/** Hex, of 64 digits. */
export function fingerprintOf({
  table,
  labels,
  classes,
}: Pick<Listing, "table" | "labels" | "classes">): string {
  const hash = createHash("sha256");
  const hasContent = table.hashes.length > 0;
  let text = fingerprintHead(classes, hasContent);
  let index = 0;
  for (const { name, size } of rowsOf(table)) {
    const sha256 = hasContent ? hashAt(table, index) : undefined;
    text += fingerprintLine({ key: nameKey(name), size, label: labels[index], sha256 });
    if (text.length >= PIECE) {
      hash.update(text);
      text = "";
    }
    index++;
  }
  return hash.update(text).digest("hex");
}
