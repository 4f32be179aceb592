// Page source: the built page, and the models that its visitors may download, as the commands name them.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { offeredFiles } from "../client/browser/choose-weights.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { CONFIG_FILE, WEIGHTS_FILE } from "../runtime/host/host.js";
import { convertModel, offeredFile } from "../runtime/model-files/convert.js";
import { listedFacts } from "../runtime/model-files/model-list.js";
import { readModel, type StoredModel } from "../runtime/model-files/stored-model.js";
import { writeConfigJson } from "../runtime/models/families.js";
import type { WeightDtype } from "../runtime/weights/weight-dtype.js";
import { createPageHandler, type PageHandler } from "../server/page/page-handler.js";
import { openPageModels, type PageFormat, type PageModel } from "../server/page/page-models.js";
import { type NamedModel, openModelSource } from "./hub-model.js";

/** Folder of the built page. Compiled to dist/bin/; the page is in dist/app. */
export const APP = fileURLToPath(new URL("../app", import.meta.url));

const MAX_NAME = 128;

/** A name becomes a folder of the page's address. */
export function checkPageName(name: string): string {
  const isFolder = name !== "" && name !== "." && name !== ".." && name.length <= MAX_NAME;
  if (isFolder && !/\p{Surrogate}/u.test(name)) return name;
  const text = `model name "${quote(name)}"; allowed: 1 to ${MAX_NAME} characters, but not "." and ".."`;
  throw new VitrineError("usage/models", text, { details: { name } });
}

type ServedFiles = Pick<PageModel, "weights" | "config" | "dtype" | "also">;

/** The first format as model.safetensors, the others beside it. */
function convertedFiles(model: StoredModel, [main, ...others]: readonly [WeightDtype, ...WeightDtype[]]) {
  const files = convertModel(model, main);
  const config = new TextDecoder().decode(files.get(CONFIG_FILE));
  const also = others.map((dtype) => {
    const weights = convertModel(model, dtype).get(WEIGHTS_FILE) as Uint8Array;
    return { dtype, file: offeredFile(dtype, main), weights };
  });
  return { weights: files.get(WEIGHTS_FILE) as Uint8Array, config, dtype: main, also };
}

/** The other formats that a folder's own config.json offers, as far as their files are there. */
function formatsBeside(folder: string): PageFormat[] {
  const path = join(folder, CONFIG_FILE);
  if (!existsSync(path)) return [];
  return offeredFiles(readFileSync(path, "utf8"))
    .filter(({ file }) => file !== WEIGHTS_FILE && existsSync(join(folder, file)))
    .map(({ dtype, file, sha256 }) => ({
      dtype: dtype as WeightDtype,
      file,
      weights: join(folder, file),
      ...(sha256 !== undefined && { sha256 }),
    }));
}

/** The weights as they are, or converted to the formats that visitors download. */
function servedFiles(path: string, dtypes: readonly WeightDtype[], model: StoredModel): ServedFiles {
  const [main = model.dtype, ...others] = dtypes;
  const isFolder = statSync(path).isDirectory();
  const weights = isFolder ? join(path, WEIGHTS_FILE) : path;
  if (dtypes.length > 0 || !weights.endsWith(".safetensors") || !existsSync(weights))
    return convertedFiles(model, [main, ...others]);
  const config = writeConfigJson(model.config, model.labels);
  return { weights, config, dtype: model.dtype, also: isFolder ? formatsBeside(path) : [] };
}

/**
 * Reads the model, so that an unusable one is refused now and not in the visitor's browser. `dtypes`: the formats that
 * visitors may choose from; none: those of its folder.
 */
export async function openPageModel(
  { name, path }: NamedModel,
  dtypes: readonly WeightDtype[],
): Promise<PageModel> {
  const source = await openModelSource(path);
  const model = await readModel(source);
  const files = servedFiles(source.path, dtypes, model);
  return { ...listedFacts(name, model, files.dtype), ...files };
}

export interface OpenedPage {
  handle: PageHandler;
  /** Closes the weights. */
  close(): Promise<void>;
}

/**
 * The page for an inference server. Visitors compute on the server, or in their browsers with the models that they may
 * download: none, where the server asks for a token. Throws as `openPageModels` does.
 */
export async function openPage(
  models: readonly NamedModel[],
  dtype: WeightDtype | undefined,
  { token }: { token: boolean },
): Promise<OpenedPage> {
  const read: PageModel[] = [];
  const dtypes = dtype === undefined ? [] : [dtype];
  for (const named of token ? [] : models) read.push(await openPageModel(named, dtypes));
  const { files, close } = await openPageModels(read, { token });
  return { handle: createPageHandler(APP, files), close };
}
