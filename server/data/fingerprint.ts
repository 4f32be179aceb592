// Fingerprint: which data set it is, as a SHA-256 over classes and, of each sample, name, size and label, and content
// where its hash is known. Where the samples are (files, shards, an object store) does not count.

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
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
  let text = `vitrine data set ${hasContent ? "2, with content" : "1"}\n${classes.length}\n`;
  for (const name of classes) text += `${JSON.stringify(name)}\n`;
  let index = 0;
  for (const { name, size } of rowsOf(table)) {
    const content = hasContent ? ` ${hashAt(table, index)}` : "";
    text += `${nameKey(name)} ${size} ${labels[index]}${content}\n`;
    if (text.length >= PIECE) {
      hash.update(text);
      text = "";
    }
    index++;
  }
  return hash.update(text).digest("hex");
}
