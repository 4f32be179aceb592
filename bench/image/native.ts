// Native: compiles native.c against the machine's libjpeg-turbo.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Compiled files live in dist/bench/image/, sources in bench/image/. */
export const sourceFile = (name: string) =>
  fileURLToPath(new URL(`../../../bench/image/${name}`, import.meta.url));

/** The program's path, or why there is none. */
export function compileNative(folder: string): { program: string } | { reason: string } {
  const program = join(folder, "native");
  const words = ["-O2", sourceFile("native.c"), "-ljpeg", "-o", program];
  const { status, error, stderr } = spawnSync("gcc", words, { encoding: "utf8" });
  if (status === 0) return { program };
  const telling = stderr?.split("\n").find((line) => line.includes("error"));
  return { reason: error?.message ?? telling ?? "gcc could not build native.c with libjpeg-turbo" };
}

/** A 4:2:0 JPEG file from a PPM file. */
export function encodeNative(program: string, ppm: string, jpeg: string, quality: number): void {
  const { status, stderr } = spawnSync(program, ["encode", ppm, jpeg, String(quality)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench: ${program} could not encode ${ppm}: ${stderr}`);
}
