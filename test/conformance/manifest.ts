// Manifest: one row per JPEG file, with the result of libjpeg-turbo's djpeg.

import { readFileSync } from "node:fs";
import { VitrineError } from "../../runtime/errors.js";

/** `ok` and `odd`: decode to `rgb_sha256`; judge.ts defines the others. */
export const STATUSES = ["ok", "odd", "warned", "refused", "cmyk", "arith", "large"] as const;
export type RowStatus = (typeof STATUSES)[number];

export interface ManifestRow {
  /** Path below the manifest's root. */
  file: string;
  status: RowStatus;
  /** Second byte of the frame marker, hexadecimal, where there is one: "C0". */
  sof?: string;
  /** "2x2,1x1,1x1" */
  sampling?: string;
  scans?: number;
  width?: number;
  height?: number;
  /** SHA-256 of the RGB bytes, gray repeated. */
  rgb_sha256?: string;
}

function parseRow(text: string, where: string): ManifestRow {
  let row: Partial<ManifestRow>;
  try {
    row = JSON.parse(text) as Partial<ManifestRow>;
  } catch (cause) {
    throw new VitrineError("file/unreadable", `${where}: not a line of JSON`, { cause });
  }
  if (typeof row.file !== "string" || !STATUSES.includes(row.status as RowStatus))
    throw new VitrineError(
      "file/unreadable",
      `${where}: a row needs file and status (one of ${STATUSES.join(", ")})`,
    );
  return row as ManifestRow;
}

/** Rows of a JSON-lines file. Throws `file/not-found`, `file/unreadable`. */
export function readManifest(path: string): ManifestRow[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new VitrineError("file/not-found", `${path}: cannot be read; --manifest takes a .jsonl file`, {
      cause,
    });
  }
  const rows = text.split("\n").flatMap((line, index) => {
    return line.trim() === "" ? [] : [parseRow(line, `${path}:${index + 1}`)];
  });
  if (rows.length === 0) throw new VitrineError("file/unreadable", `${path}: no rows`);
  return rows;
}
