// Synthetic data set: small generated JPEG files in class folders, each one different.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import jpeg from "jpeg-js";

export interface SyntheticDataSet {
  path: string;
  remove(): void;
}

/** A gradient that rotates with `number`, and a block that moves: no two pictures are alike. */
function syntheticJpeg(number: number, width: number, height: number): Buffer {
  const data = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const block = (x >> 3) + (y >> 3) * 5 === number % 40;
      const rgb = block
        ? [255, 255, 0]
        : [(x * (number + 1)) & 255, (y * 3 + number * 11) & 255, (x + y) & 255];
      data.set([...rgb, 255], (y * width + x) * 4);
    }
  }
  return jpeg.encode({ data, width, height }, 90).data;
}

/** `count` pictures in three classes, 40 to 71 pixels wide and high. `damaged`: numbers of those that end too early. */
export function createDataSet(
  count: number,
  { damaged = [] }: { damaged?: readonly number[] } = {},
): SyntheticDataSet {
  const path = mkdtempSync(join(tmpdir(), "vitrine-synthetic-"));
  for (let i = 0; i < count; i++) {
    const folder = join(path, ["cat", "dog", "emu"][i % 3] as string);
    mkdirSync(folder, { recursive: true });
    const name = `${String(i).padStart(3, "0")}.jpg`;
    const picture = syntheticJpeg(i, 40 + ((i * 7) % 32), 40 + ((i * 5) % 32));
    writeFileSync(join(folder, name), damaged.includes(i) ? picture.subarray(0, 200) : picture);
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
