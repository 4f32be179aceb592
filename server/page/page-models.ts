// Page models: models.json and the two files of each model that visitors may load.

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { quote, VitrineError } from "../../runtime/errors.js";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import type { ListedModel, ModelList } from "../../runtime/model-files/model-list.js";
import { type Body, type Content, type OpenFile, readPieces } from "./content.js";

/** A model for visitors: what models.json says of it, and its files. */
export interface PageModel extends Omit<ListedModel, "url" | "bytes" | "sha256"> {
  /** Path of the weights, which are served as model.safetensors, or their bytes. */
  weights: string | Uint8Array;
  /** Text of config.json, read or derived. */
  config: string;
}

export interface PageModels {
  readonly list: ModelList;
  /** Path below the page's address, without a leading slash → what is there. */
  readonly files: ReadonlyMap<string, Content>;
  /** Closes the files. */
  close(): Promise<void>;
}

interface OpenedWeights {
  body: OpenFile;
  /** In hexadecimal digits. */
  sha256: string;
}

async function openWeights(path: string): Promise<OpenedWeights> {
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

/** config.json with the size and the SHA-256 of the weights, by which the library finds damage on the way. */
function withChecksum(config: string, dtype: string, bytes: number, sha256: string): string {
  const offered = { [dtype]: { file: WEIGHTS_FILE, bytes, sha256 } };
  return JSON.stringify({ ...JSON.parse(config), weight_files: offered });
}

/**
 * Opens the weights and reads them once for their SHA-256. Nothing else of a model's folder is served. Throws
 * `file/unreadable`.
 */
export async function openPageModels(models: readonly PageModel[]): Promise<PageModels> {
  const files = new Map<string, Content>();
  const handles: FileHandle[] = [];
  const list: ListedModel[] = [];
  const close = async () => void (await Promise.all(handles.map((handle) => handle.close())));
  try {
    for (const { weights, config, ...facts } of models) {
      const url = `models/${encodeURIComponent(facts.name)}/`;
      let body: Body;
      let sha256: string;
      if (typeof weights === "string") {
        const opened = await openWeights(weights);
        ({ body, sha256 } = opened);
        handles.push(opened.body.handle);
      } else {
        body = weights;
        sha256 = createHash("sha256").update(weights).digest("hex");
      }
      const bytes = "handle" in body ? body.size : body.length;
      files.set(url + CONFIG_FILE, json(withChecksum(config, facts.dtype, bytes, sha256)));
      files.set(url + WEIGHTS_FILE, { type: "application/octet-stream", digest: sha256, body });
      list.push({ ...facts, url, bytes, sha256 });
    }
  } catch (error) {
    await close();
    throw error;
  }
  files.set("models.json", json(JSON.stringify({ models: list } satisfies ModelList)));
  return { list: { models: list }, files, close };
}
