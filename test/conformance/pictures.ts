// Pictures: every file of a manifest written by test/fixtures/pictures/make.py, compared with Pillow's result.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isVitrineError } from "../../runtime/errors.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { decodePicture, readPictureHeader } from "../../runtime/image/picture.js";

/**
 * A row of the manifest. `own`: differs from Pillow on purpose, and the hash is what Vitrine states. `near`: differs by
 * rounding, and `mean` is Pillow's mean of each channel.
 */
export interface PictureRow {
  file: string;
  status: "ok" | "own" | "near" | "refused";
  width?: number;
  height?: number;
  orientation?: number;
  rgb_sha256?: string;
  mean?: number[];
}

/** Largest difference of a channel's mean that rounding explains. */
const MEAN_TOLERANCE = 0.5;

export interface PictureReport {
  passed: number;
  failed: number;
  failures: { file: string; status: string; got: string }[];
}

export function readPictureRows(manifest: string): PictureRow[] {
  const lines = readFileSync(manifest, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as PictureRow);
}

/** Greatest difference of the channels' means from Pillow's, where it is more than rounding. */
function farFrom(data: Uint8Array, mean: readonly number[]): string | undefined {
  const differences = mean.map((expected, channel) => {
    let sum = 0;
    for (let at = channel; at < data.length; at += 3) sum += data[at];
    return Math.abs(sum / (data.length / 3) - expected);
  });
  const worst = Math.max(...differences);
  return worst > MEAN_TOLERANCE ? `means differ by ${worst}` : undefined;
}

/** Size, orientation and hash, or the error's code. */
async function result(module: ImageModule, file: Uint8Array, mean?: readonly number[]): Promise<string> {
  try {
    const header = readPictureHeader(module, file);
    const { width, height, data } = await decodePicture(module, file);
    if (header.width !== width || header.height !== height) return `header ${header.width}x${header.height}`;
    if (mean) return farFrom(data, mean) ?? `${width}x${height} ${header.orientation} near`;
    return `${width}x${height} ${header.orientation} ${createHash("sha256").update(data).digest("hex")}`;
  } catch (error) {
    return isVitrineError(error) ? error.code : `untyped: ${String(error)}`;
  }
}

/** What is wrong with the file's result; undefined where it is as the row says. */
export async function judgePicture(
  module: ImageModule,
  root: string,
  row: PictureRow,
): Promise<string | undefined> {
  const got = await result(module, readFileSync(join(root, row.file)), row.mean);
  if (row.status === "refused")
    return /^image\/(truncated|corrupt|unknown-format)$/.test(got) ? undefined : got;
  const expected = `${row.width}x${row.height} ${row.orientation ?? 1} ${row.rgb_sha256 ?? row.status}`;
  return got === expected ? undefined : got;
}

export async function runPictures(
  module: ImageModule,
  root: string,
  rows: readonly PictureRow[],
): Promise<PictureReport> {
  const failures: PictureReport["failures"] = [];
  for (const row of rows) {
    const got = await judgePicture(module, root, row);
    if (got !== undefined) failures.push({ file: row.file, status: row.status, got });
  }
  return { passed: rows.length - failures.length, failed: failures.length, failures };
}
