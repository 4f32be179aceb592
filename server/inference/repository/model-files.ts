// Model files: whether a version's folder is complete, told from names, sizes and the start of its files, without
// reading its weights; and how many bytes its weights take.
//
// A folder that is being copied has a file that is shorter than its own header says. Only a writer that reserves a
// file's whole length first is not noticed: such a version is written elsewhere and renamed into place.

import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isVitrineError, quote, VitrineError } from "../../../runtime/errors.js";
import { CONFIG_FILE, INDEX_FILE, TORCH_WEIGHTS_FILE, WEIGHTS_FILE } from "../../../runtime/host/host.js";
import { LARGEST_TEXT, OPEN_TO_READ, readWholeFile } from "../../../runtime/host/node-files.js";

/** A longer header is not looked at here: the model is read, and refused if it is damaged. */
const LARGEST_HEADER = 4 * 2 ** 20;

/** Files of a version's folder that are looked at. */
const MOST_FILES = 200;

function incomplete(path: string, what: string, cause?: unknown): VitrineError {
  return new VitrineError("model/incomplete", `${quote(path)}: ${what}`, { details: { path }, cause });
}

function parse(path: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw incomplete(path, "not valid JSON, or not written to its end yet", cause);
  }
}

interface HeaderTensor {
  shape?: unknown;
  data_offsets?: unknown;
}

/** The end of the data that the tensors of a header span, and their values. */
function extentOf(header: unknown): { end: number; values: number } {
  let [end, values] = [0, 0];
  for (const [name, tensor] of Object.entries((header ?? {}) as Record<string, HeaderTensor | null>)) {
    if (name === "__metadata__" || !Array.isArray(tensor?.data_offsets)) continue;
    end = Math.max(end, Number(tensor.data_offsets[1]) || 0);
    if (Array.isArray(tensor.shape))
      values += tensor.shape.reduce((product: number, axis) => product * (Number(axis) || 0), 1);
  }
  return { end, values };
}

/** float32 bytes of the tensors of a safetensors file. Throws `model/incomplete` where it is shorter than it says. */
async function safetensorsBytes(path: string): Promise<number> {
  const file = await open(path, OPEN_TO_READ);
  try {
    const { size } = await file.stat();
    const start = new DataView(new ArrayBuffer(8));
    await file.read(start, 0, 8, 0);
    const length = Number(start.getBigUint64(0, true));
    if (size < 8 || 8 + length > size)
      throw incomplete(path, `its ${size.toLocaleString("en-US")} bytes end within its header`);
    if (length > LARGEST_HEADER) return 2 * size;
    const bytes = new Uint8Array(length);
    await file.read(bytes, 0, length, 8);
    const { end, values } = extentOf(parse(path, bytes));
    const wanted = 8 + length + end;
    if (size >= wanted) return 4 * values;
    const [has, needs] = [size.toLocaleString("en-US"), wanted.toLocaleString("en-US")];
    throw incomplete(path, `${has} of ${needs} bytes are there`);
  } finally {
    await file.close();
  }
}

async function indexedFiles(folder: string): Promise<string[]> {
  const path = join(folder, INDEX_FILE);
  const index = parse(path, await readWholeFile(path, LARGEST_TEXT)) as { weight_map?: object } | null;
  const names = [...new Set(Object.values(index?.weight_map ?? {}))].slice(0, MOST_FILES);
  return names.filter((name): name is string => typeof name === "string" && /^[\w.-]+$/.test(name));
}

/** Bytes of a folder's weights in float32. Throws `model/incomplete`, `file/…`. */
async function weightBytes(folder: string, files: readonly string[]): Promise<number> {
  if (files.includes(WEIGHTS_FILE)) return safetensorsBytes(join(folder, WEIGHTS_FILE));
  if (files.includes(INDEX_FILE)) {
    let sum = 0;
    for (const file of await indexedFiles(folder)) {
      if (!files.includes(file)) throw incomplete(join(folder, file), `not there; ${INDEX_FILE} names it`);
      sum += await safetensorsBytes(join(folder, file));
    }
    return sum;
  }
  if (files.includes(TORCH_WEIGHTS_FILE)) return 2 * (await stat(join(folder, TORCH_WEIGHTS_FILE))).size;
  throw incomplete(folder, `no ${WEIGHTS_FILE}`);
}

async function stampOf(path: string): Promise<string> {
  const { ino, mtimeMs, size } = await stat(path);
  return `${ino} ${mtimeMs} ${size}`;
}

/** What a look at a model's files tells. */
export interface ModelFiles {
  /** Changes when a file does. */
  stamp: string;
  /** Of the weights in float32; 0 where something is missing. */
  weightBytes: number;
  /** Why it cannot be loaded yet; null: nothing is missing. */
  missing: string | null;
}

/** What there is of a model folder, or of a bare weight file. `needsConfig`: a folder without config.json is not complete. */
export async function lookAtModel(path: string, needsConfig: boolean): Promise<ModelFiles> {
  let stamp = "";
  try {
    if (!(await stat(path)).isDirectory()) {
      stamp = await stampOf(path);
      const isSafetensors = path.endsWith(".safetensors");
      const bytes = isSafetensors ? await safetensorsBytes(path) : 2 * (await stat(path)).size;
      return { stamp, weightBytes: bytes, missing: null };
    }
    const files = (await readdir(path)).sort().slice(0, MOST_FILES);
    const stamps = await Promise.all(files.map(async (name) => `${name} ${await stampOf(join(path, name))}`));
    stamp = stamps.join("\n");
    if (files.includes(CONFIG_FILE))
      parse(join(path, CONFIG_FILE), await readWholeFile(join(path, CONFIG_FILE), LARGEST_TEXT));
    else if (needsConfig) throw incomplete(path, `no ${CONFIG_FILE}`);
    return { stamp, weightBytes: await weightBytes(path, files), missing: null };
  } catch (error) {
    const missing = isVitrineError(error) ? error.message : quote(String((error as Error).message));
    return { stamp, weightBytes: 0, missing };
  }
}
