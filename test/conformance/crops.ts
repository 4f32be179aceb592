// Crops: crop-aware decode compared with decode-then-crop, on random boxes of every file that decodes.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { type DecodedImage, decode, decodeCrop } from "../../runtime/image/decode.js";
import type { ImageModule } from "../../runtime/image/image-module.js";
import { differingRow, randomBox } from "../image/random-crops.js";

export interface CropReport {
  crops: number;
  /** Files that decode; damaged ones count if `partial` keeps a part. */
  files: number;
  /** Of these, files that decode only with `partial`. */
  partialFiles: number;
  /** Files that are refused with and without `partial`. */
  refused: number;
  failures: { file: string; box: string; got: string }[];
}

interface Decodable {
  image: DecodedImage;
  partial: boolean;
}

/** The picture, strictly or otherwise in part; null for a file that is refused. */
function decodable(module: ImageModule, bytes: Uint8Array): Decodable | null {
  for (const partial of [false, true]) {
    try {
      return { image: decode(module, bytes, { partial }), partial };
    } catch (error) {
      if (!isVitrineError(error)) throw error;
    }
  }
  return null;
}

function jpegFiles(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /\.jpe?g$/i.test(name)).sort();
  if (files.length === 0)
    throw new VitrineError("file/not-found", `${root}: no .jpg file there or below (--root)`);
  return files;
}

/** Rounds over the files, one crop a file and round, until `wanted` crops are compared. */
export function runCrops(module: ImageModule, root: string, wanted: number, next: () => number): CropReport {
  const files = jpegFiles(root);
  const report: CropReport = { crops: 0, files: 0, partialFiles: 0, refused: 0, failures: [] };
  const kept = files.filter((file) => {
    const found = decodable(module, readFileSync(join(root, file)));
    if (found === null) report.refused++;
    else if (found.partial) report.partialFiles++;
    return found !== null;
  });
  report.files = kept.length;
  kept.forEach((file, i) => {
    const bytes = readFileSync(join(root, file));
    const { image, partial } = decodable(module, bytes) as Decodable;
    // Per-file counts that add up to `wanted` exactly.
    const count = Math.floor(((i + 1) * wanted) / kept.length) - Math.floor((i * wanted) / kept.length);
    for (let k = 0; k < count; k++, report.crops++) {
      const box = randomBox(next, image.width, image.height);
      const row = differingRow(image, box, decodeCrop(module, bytes, box, { partial }).data);
      if (row !== null) report.failures.push({ file, box: JSON.stringify(box), got: `row ${row} differs` });
    }
  });
  return report;
}
