// Inputs: the photographs with a training crop each, and files of 12 megapixels made from three of them at three levels of
// noise: the noisier a file, the larger the part of Huffman decoding, so that a single level would decide the result.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
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

/** 12 megapixels, as cameras write them. */
const LARGE = { width: 4032, height: 3024 };
const LARGE_FILES = 3;
const LARGE_QUALITY = 90;
/** Crops of each large file. */
const LARGE_CROPS = 6;

export type Level = "plain" | "smooth" | "noisy";
/**
 * Half the range of the noise, in 8-bit steps. An upscaled picture alone has no fine detail (1 MB a file); smooth files have
 * 1.7 MB and noisy ones about 4, which is what cameras write.
 */
const NOISE: Readonly<Record<Level, number>> = { plain: 0, smooth: 5, noisy: 16 };

export interface Inputs {
  /** A list in the form that the peers read. */
  photos: { list: string; count: number };
  /** For each level every file once, then again with other crops: `crops` lines a level, starting at line `first`. */
  large: {
    list: string;
    files: number;
    crops: number;
    levels: { level: Level; first: number; megabytes: number }[];
  } | null;
  /** Files that were left out, with the reason. */
  skipped: string[];
}

/** Reads `folder` and writes lists and large files to `work`; `program` is compileNative's, which encodes. */
export async function writeInputs(
  folder: string,
  work: string,
  program: string | null,
  limit: number,
): Promise<Inputs> {
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
  if (paths.length === 0)
    throw new Error(`bench: --photos ${folder}: it has no JPEG file that can be decoded`);
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
  const lines: string[] = [];
  const levels = Object.entries(NOISE).map(([level, noise]) => {
    const first = lines.length;
    const paths = Array.from({ length: files }, (_, i) => {
      const photo = photos[Math.floor((i * photos.length) / files)];
      return enlarge(module, photo, noise, join(work, `${level}-${i}`), program);
    });
    const headers = paths.map((path) => readHeader(module, readFileSync(path)));
    for (let repeat = 0; repeat < LARGE_CROPS; repeat++)
      for (const [i, path] of paths.entries()) lines.push(listLine(module, headers[i], path, i, repeat));
    const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
    return { level: level as Level, first, megabytes: Number((bytes / files / 1e6).toFixed(1)) };
  });
  const list = join(work, "large.txt");
  writeFileSync(list, `${lines.join("\n")}\n`);
  return { list, files, crops: files * LARGE_CROPS, levels };
}

/** Upscaled by Pillow's bicubic, with uniform noise. */
function enlarge(module: ImageModule, photo: string, noise: number, to: string, program: string): string {
  const small = decode(module, readFileSync(photo));
  const { data } = resize(module, small, { ...LARGE, filter: "bicubic" });
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const drawn = (state >>> 16) % (2 * noise + 1);
    data[i] = Math.min(255, Math.max(0, data[i] + drawn - noise));
  }
  const ppm = `${to}.ppm`;
  writeFileSync(ppm, Buffer.concat([Buffer.from(`P6\n${LARGE.width} ${LARGE.height}\n255\n`), data]));
  encodeNative(program, ppm, `${to}.jpg`, LARGE_QUALITY);
  rmSync(ppm);
  return `${to}.jpg`;
}

/** This file runs in dist/bench/image/; the sources are in bench/image/. */
export const sourceFile = (name: string) =>
  fileURLToPath(new URL(`../../../bench/image/${name}`, import.meta.url));

/** Compiles native.c with the system's libjpeg-turbo: the program's path, or why there is none. */
export function compileNative(folder: string): { program: string } | { reason: string } {
  const program = join(folder, "native");
  const words = ["-O2", sourceFile("native.c"), "-ljpeg", "-o", program];
  const { status, error, stderr } = spawnSync("gcc", words, { encoding: "utf8" });
  if (status === 0) return { program };
  const telling = stderr?.split("\n").find((line) => line.includes("error"));
  return { reason: error?.message ?? telling ?? "gcc could not build native.c with libjpeg-turbo" };
}

/** Encodes a PPM file as a 4:2:0 JPEG file. */
export function encodeNative(program: string, ppm: string, jpeg: string, quality: number): void {
  const { status, stderr } = spawnSync(program, ["encode", ppm, jpeg, String(quality)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench: ${program} could not encode ${ppm}: ${stderr}`);
}
