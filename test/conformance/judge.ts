// Judge: whether what we make of a JPEG file is what its manifest row asks for.

import { createHash } from "node:crypto";
import { isVitrineError } from "../../runtime/errors.js";
import { type DecodedImage, decode } from "../../runtime/image/decode.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import type { ManifestRow } from "./manifest.js";

/** No file may take longer, decoded once. */
export const TIME_LIMIT_MS = 2000;

export interface Verdict {
  outcome: "passed" | "failed" | "skipped";
  /** What was found, or why the row was skipped. */
  got: string;
}

/** Kinds of file that are refused by name for now: a row that asks to decode one is skipped, not passed. */
const LATER_KINDS = new Set([
  "jpeg/unsupported-progressive",
  "jpeg/unsupported-components",
  "jpeg/unsupported-sampling",
  "jpeg/unsupported-scans",
]);

interface Attempt {
  image?: DecodedImage;
  /** Code of the typed error, or "untyped: …" for any other. */
  error?: string;
  milliseconds: number;
}

function attempt(module: ImageModule, bytes: Uint8Array, partial: boolean): Attempt {
  const start = performance.now();
  try {
    const image = decode(module, bytes, { partial });
    return { image, milliseconds: performance.now() - start };
  } catch (error) {
    const code = isVitrineError(error) ? error.code : `untyped: ${String(error)}`;
    return { error: code, milliseconds: performance.now() - start };
  }
}

const isTyped = (error: string | undefined): boolean =>
  error !== undefined && (error.startsWith("jpeg/") || error === "image/out-of-memory");

function describe(result: Attempt): string {
  if (result.image === undefined) return result.error as string;
  const { width, height, data } = result.image;
  return `${width}x${height} ${createHash("sha256").update(data).digest("hex")}`;
}

function hasSize(image: DecodedImage, row: ManifestRow): boolean {
  return image.width === (row.width ?? image.width) && image.height === (row.height ?? image.height);
}

function meets(row: ManifestRow, strict: Attempt, partial: Attempt): boolean {
  const right = (result: Attempt) => isTyped(result.error) || (result.image && hasSize(result.image, row));
  switch (row.status) {
    case "ok":
    case "odd":
      return (
        strict.image !== undefined && describe(strict) === `${row.width}x${row.height} ${row.rgb_sha256}`
      );
    case "warned":
      return Boolean(right(strict) && right(partial));
    case "refused":
    case "large":
      return isTyped(strict.error);
    case "cmyk":
      return strict.image !== undefined && hasSize(strict.image, row);
    case "arith":
      return (
        strict.error === "jpeg/unsupported-arithmetic" || describe(strict).endsWith(` ${row.rgb_sha256}`)
      );
  }
}

/** Decodes the file as it stands and with `partial`, and compares with the row. */
export function judge(module: ImageModule, row: ManifestRow, bytes: Uint8Array): Verdict {
  const strict = attempt(module, bytes, false);
  const partial = attempt(module, bytes, true);
  const slowest = Math.max(strict.milliseconds, partial.milliseconds);
  if (slowest > TIME_LIMIT_MS) return { outcome: "failed", got: `${Math.round(slowest)} ms` };
  if (partial.error !== undefined && !isTyped(partial.error))
    return { outcome: "failed", got: `partial: ${partial.error}` };
  const asksToDecode = row.status === "ok" || row.status === "odd" || row.status === "cmyk";
  if (asksToDecode && strict.error !== undefined && LATER_KINDS.has(strict.error))
    return { outcome: "skipped", got: strict.error };
  return { outcome: meets(row, strict, partial) ? "passed" : "failed", got: describe(strict) };
}
