// Page models: models.json and the two files of each model that visitors may load.

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { quote, VitrineError } from "../../runtime/errors.js";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import type { ListedModel, ModelList } from "../../runtime/model-files/model-list.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { type Body, type Content, type OpenFile, readPieces } from "./content.js";

/** A model's weights in one more format. */
export interface PageFormat {
  dtype: WeightDtype;
  /** Name of the file beside model.safetensors. */
  file: string;
  /** Path, or bytes. */
  weights: string | Uint8Array;
  /** In hexadecimal digits, where it is known: other weights are refused. */
  sha256?: string;
}

/** A model for visitors: what models.json says of it, and its files. */
export interface PageModel extends Omit<ListedModel, "url" | "bytes" | "sha256" | "formats"> {
  /** Path of the weights, which are served as model.safetensors, or their bytes. */
  weights: string | Uint8Array;
  /** Text of config.json, read or derived. */
  config: string;
  /** The same weights in other formats, among which visitors may choose. */
  also?: readonly PageFormat[];
}

export interface PageModels {
  readonly list: ModelList;
  /** Path below the page's address, without a leading slash → what is there. */
  readonly files: ReadonlyMap<string, Content>;
  /** Closes the files. */
  close(): Promise<void>;
}

interface OpenedWeights {
  body: Body;
  bytes: number;
  /** In hexadecimal digits. */
  sha256: string;
}

async function openFile(path: string): Promise<{ body: OpenFile; sha256: string }> {
  const handle = await open(path).catch((cause: unknown) => {
    const text = `${quote(path)} cannot be opened (${(cause as NodeJS.ErrnoException).code})`;
    throw new VitrineError("file/unreadable", text, { cause, details: { path } });
  });
  try {
    const { size, mtimeMs: modifiedMs } = await handle.stat();
    const body = { handle, size, modifiedMs };
    const hash = createHash("sha256");
    for await (const piece of readPieces(body, [0, size - 1])) hash.update(piece);
    return { body, sha256: hash.digest("hex") };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Labels of a thousand classes shrink to a third. */
function json(text: string): Content {
  const body = Buffer.from(text);
  const digest = createHash("sha256").update(body).digest("hex");
  return {
    type: "application/json",
    digest,
    body,
    encoded: { br: brotliCompressSync(body), gzip: gzipSync(body) },
  };
}

async function openWeights(weights: string | Uint8Array): Promise<OpenedWeights> {
  if (typeof weights !== "string") {
    const sha256 = createHash("sha256").update(weights).digest("hex");
    return { body: weights, bytes: weights.length, sha256 };
  }
  const { body, sha256 } = await openFile(weights);
  return { body, bytes: body.size, sha256 };
}

interface OpenedFormat extends OpenedWeights {
  dtype: WeightDtype;
  file: string;
}

/** Throws `weights/checksum` for a file that is another one than its folder's config.json says. */
function checkSum({ file, weights, sha256: expected }: PageFormat, found: string): void {
  if (expected === undefined || expected === found) return;
  const where = typeof weights === "string" ? weights : file;
  const text = `${quote(where)}: its SHA-256 is ${found}, but config.json beside it has ${expected}`;
  throw new VitrineError("weights/checksum", text, { details: { path: where, found, expected } });
}

/** config.json with the sizes and the SHA-256 of the weights, by which the library chooses, and finds damage on the way. */
function withFormats(config: string, formats: readonly OpenedFormat[]): string {
  const offered = formats.map(({ dtype, file, bytes, sha256 }) => [dtype, { file, bytes, sha256 }] as const);
  return JSON.stringify({ ...JSON.parse(config), weight_files: Object.fromEntries(offered) });
}

/**
 * `server`: the inference server that shows the page. Opens the weights and reads them once for their SHA-256. Nothing else of a model's folder is served. Throws
 * `file/unreadable` and `weights/checksum`.
 */
export async function openPageModels(
  models: readonly PageModel[],
  server?: ModelList["server"],
): Promise<PageModels> {
  const files = new Map<string, Content>();
  const handles: FileHandle[] = [];
  const list: ListedModel[] = [];
  const close = async () => void (await Promise.all(handles.map((handle) => handle.close())));
  try {
    for (const { weights, config, also = [], ...facts } of models) {
      const url = `models/${encodeURIComponent(facts.name)}/`;
      const formats: OpenedFormat[] = [];
      for (const format of [{ dtype: facts.dtype, file: WEIGHTS_FILE, weights }, ...also]) {
        const opened = await openWeights(format.weights);
        if ("handle" in opened.body) handles.push(opened.body.handle);
        checkSum(format, opened.sha256);
        formats.push({ ...opened, dtype: format.dtype, file: format.file });
        const { body, sha256: digest } = opened;
        files.set(url + format.file, { type: "application/octet-stream", digest, body });
      }
      files.set(url + CONFIG_FILE, json(withFormats(config, formats)));
      const [{ bytes, sha256 }] = formats as [OpenedFormat];
      const chosen = formats.map(({ dtype, bytes }) => ({ dtype, bytes })).sort((a, b) => b.bytes - a.bytes);
      list.push({ ...facts, url, bytes, sha256, ...(also.length > 0 && { formats: chosen }) });
    }
  } catch (error) {
    await close();
    throw error;
  }
  const offer: ModelList = { models: list, ...(server && { server }) };
  files.set("models.json", json(JSON.stringify(offer)));
  return { list: offer, files, close };
}
