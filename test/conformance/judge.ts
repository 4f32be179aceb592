// Judge: whether the result for a JPEG file meets its manifest row.

import { createHash } from "node:crypto";
import { isVitrineError } from "../../runtime/errors.js";
import { type DecodedImage, type DecodeOptions, decode } from "../../runtime/image/decode.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import type { ManifestRow } from "./manifest.js";

/** No single decode may take longer; CPU time, so that a busy machine fails nothing. */
const TIME_LIMIT_MS = 2000;

export interface Verdict {
  passed: boolean;
  /** The result: size and hash, or the error's code. */
  got: string;
}

interface Attempt {
  image?: DecodedImage;
  /** Code of the typed error, or "untyped: …" for any other. */
  error?: string;
  milliseconds: number;
}

function millisecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Rows of the kind `large` claim more pixels than that; the default limit is Pillow's, which is higher. */
const LARGE_PIXELS = 2 ** 26;

function attempt(module: ImageModule, bytes: Uint8Array, options: DecodeOptions): Attempt {
  const start = process.cpuUsage();
  try {
    const image = decode(module, bytes, options);
    return { image, milliseconds: millisecondsSince(start) };
  } catch (error) {
    const code = isVitrineError(error) ? error.code : `untyped: ${String(error)}`;
    return { error: code, milliseconds: millisecondsSince(start) };
  }
}

const isTyped = (error: string | undefined): boolean =>
  error !== undefined && (error.startsWith("jpeg/") || error === "image/out-of-memory");

/** Unsupported kinds have no partial result; djpeg has none either where no size is given. */
const isUnknownKind = (error: string | undefined): boolean => error?.startsWith("jpeg/unsupported-") === true;

function describe(result: Attempt): string {
  if (result.image === undefined) return result.error as string;
  const { width, height, data } = result.image;
  return `${width}x${height} ${createHash("sha256").update(data).digest("hex")}`;
}

function hasSize(image: DecodedImage, row: ManifestRow): boolean {
  return image.width === (row.width ?? image.width) && image.height === (row.height ?? image.height);
}

const decodesTo = (result: Attempt, row: ManifestRow): boolean =>
  result.image !== undefined && hasSize(result.image, row);

/** Damaged data: strictly an error or a picture; with `partial` a picture wherever djpeg produced one. */
function meetsWarned(row: ManifestRow, strict: Attempt, partial: Attempt): boolean {
  if (!isTyped(strict.error) && !decodesTo(strict, row)) return false;
  const mayRefuse = row.width === undefined || isUnknownKind(partial.error);
  return mayRefuse ? isTyped(partial.error) || decodesTo(partial, row) : decodesTo(partial, row);
}

function meets(row: ManifestRow, strict: Attempt, partial: Attempt): boolean {
  const asked = `${row.width}x${row.height} ${row.rgb_sha256}`;
  switch (row.status) {
    case "ok":
    case "odd":
      return describe(strict) === asked;
    case "warned":
      return meetsWarned(row, strict, partial);
    case "refused":
    case "large":
      return isTyped(strict.error);
    case "cmyk":
      // The row is Pillow's result, which keeps the intact part of damaged data: here that is `partial`.
      if (row.rgb_sha256 !== undefined) return describe(strict) === asked;
      return decodesTo(strict.error === "jpeg/corrupt" ? partial : strict, row);
    case "arith":
      return strict.error === "jpeg/unsupported-arithmetic" || describe(strict) === asked;
  }
}

/** Decodes the file strictly and with `partial`, and compares with the row. */
export function judge(module: ImageModule, row: ManifestRow, bytes: Uint8Array): Verdict {
  const limit = row.status === "large" ? { pixelLimit: LARGE_PIXELS } : {};
  const strict = attempt(module, bytes, limit);
  const partial = attempt(module, bytes, { ...limit, partial: true });
  const slowest = Math.max(strict.milliseconds, partial.milliseconds);
  if (slowest > TIME_LIMIT_MS) return { passed: false, got: `${Math.round(slowest)} ms` };
  if (partial.error !== undefined && !isTyped(partial.error))
    return { passed: false, got: `partial: ${partial.error}` };
  return { passed: meets(row, strict, partial), got: describe(strict) };
}
