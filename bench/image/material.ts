// Material: the photographs with a training crop each, and files of 12 megapixels made from three of them.

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { nodeHost } from "../../runtime/host/node.js";
import {
  createImageModule,
  DEIT_RECIPE,
  decode,
  drawSample,
  type ImageModule,
  isVitrineError,
  type JpegHeader,
  readHeader,
  resize,
} from "../../runtime/image/index.js";
import { encodeNative } from "./native.js";

/** A camera's 12 megapixels. */
const LARGE = { width: 4032, height: 3024 };
const LARGE_FILES = 3;
const LARGE_QUALITY = 90;
/** Crops of each large file. */
const LARGE_CROPS = 6;
/** Half the range of the noise that an upscaled picture lacks, in 8-bit steps: files of 4 MB, as cameras write them. */
const NOISE = 16;

export interface Material {
  /** Two lists as the contestants read them: photographs; large files, each of them once, then again with other crops. */
  photos: { list: string; count: number };
  large: { list: string; files: number; crops: number; megabytes: number } | null;
  /** Files that were left out, with the reason. */
  skipped: string[];
}

/** Reads `folder`, writes lists and large files to `work`; `program` is the native one, which encodes. */
export async function writeMaterial(
  folder: string,
  work: string,
  program: string | null,
  limit: number,
): Promise<Material> {
  const module = await createImageModule(nodeHost());
  const skipped: string[] = [];
  const lines: string[] = [];
  const paths: string[] = [];
  const names = readdirSync(folder).filter((name) => /\.jpe?g$/i.test(name));
  for (const name of names.sort().slice(0, limit)) {
    const path = resolve(folder, name);
    try {
      const header = readHeader(module, readFileSync(path), { name });
      // libjpeg leaves the conversion of four components to its caller.
      if (header.components === 4) skipped.push(`${name}: four components`);
      else {
        lines.push(listLine(module, header, path, paths.length, 0));
        paths.push(path);
      }
    } catch (error) {
      if (!isVitrineError(error)) throw error;
      skipped.push(error.message);
    }
  }
  if (paths.length === 0) throw new Error(`bench: --photos ${folder}: no JPEG file there can be decoded`);
  const list = join(work, "photos.txt");
  writeFileSync(list, `${lines.join("\n")}\n`);
  const large = program === null ? null : writeLarge(module, paths, work, program);
  return { photos: { list, count: paths.length }, large, skipped };
}

function listLine(module: ImageModule, header: JpegHeader, path: string, index: number, repeat: number) {
  const { crop } = drawSample(module.math, { seed: 0, epoch: 0, index, repeat }, header, DEIT_RECIPE);
  return `${crop.left} ${crop.top} ${crop.width} ${crop.height} ${path}`;
}

function writeLarge(module: ImageModule, photos: readonly string[], work: string, program: string) {
  const files = Math.min(LARGE_FILES, photos.length);
  const paths = Array.from({ length: files }, (_, i) => {
    const photo = photos[Math.floor((i * photos.length) / files)] as string;
    return enlarge(module, photo, join(work, `large-${i}`), program);
  });
  const headers = paths.map((path) => readHeader(module, readFileSync(path)));
  const lines: string[] = [];
  for (let repeat = 0; repeat < LARGE_CROPS; repeat++)
    for (const [i, path] of paths.entries())
      lines.push(listLine(module, headers[i] as JpegHeader, path, i, repeat));
  const list = join(work, "large.txt");
  writeFileSync(list, `${lines.join("\n")}\n`);
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  return { list, files, crops: lines.length, megabytes: Number((bytes / files / 1e6).toFixed(1)) };
}

/** Upscaled by Pillow's bicubic, with uniform noise, because an upscaled picture alone has no fine detail to decode. */
function enlarge(module: ImageModule, photo: string, to: string, program: string): string {
  const small = decode(module, readFileSync(photo));
  const { data } = resize(module, small, { ...LARGE, filter: "bicubic" });
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const noise = (state >>> 16) % (2 * NOISE + 1);
    data[i] = Math.min(255, Math.max(0, (data[i] as number) + noise - NOISE));
  }
  const ppm = `${to}.ppm`;
  writeFileSync(ppm, Buffer.concat([Buffer.from(`P6\n${LARGE.width} ${LARGE.height}\n255\n`), data]));
  encodeNative(program, ppm, `${to}.jpg`, LARGE_QUALITY);
  rmSync(ppm);
  return `${to}.jpg`;
}
