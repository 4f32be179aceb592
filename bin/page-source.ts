// Page source: the built page, and the models that its visitors may download, as the commands name them.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { quote, VitrineError } from "../runtime/errors.js";
import { CONFIG_FILE, WEIGHTS_FILE } from "../runtime/host/host.js";
import { convertModel } from "../runtime/model-files/convert.js";
import { listedFacts } from "../runtime/model-files/model-list.js";
import { readModel, type StoredModel } from "../runtime/model-files/stored-model.js";
import { writeConfigJson } from "../runtime/models/families.js";
import type { WeightDtype } from "../runtime/weights/weight-dtype.js";
import { createPageHandler, type PageHandler } from "../server/page/page-handler.js";
import { openPageModels, type PageModel } from "../server/page/page-models.js";
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

/** The weights as they are, or converted to the dtype that visitors download. */
function servedFiles(
  path: string,
  dtype: WeightDtype | undefined,
  model: StoredModel,
): Pick<PageModel, "weights" | "config" | "dtype"> {
  const weights = statSync(path).isDirectory() ? join(path, WEIGHTS_FILE) : path;
  if (dtype !== undefined || !weights.endsWith(".safetensors") || !existsSync(weights)) {
    const files = convertModel(model, dtype ?? model.dtype);
    const config = new TextDecoder().decode(files.get(CONFIG_FILE));
    return { weights: files.get(WEIGHTS_FILE) as Uint8Array, config, dtype: dtype ?? model.dtype };
  }
  const config = writeConfigJson(model.config, model.labels);
  return { weights, config, dtype: model.dtype };
}

/** Reads the model, so that an unusable one is refused now and not in the visitor's browser. */
export async function openPageModel(
  { name, path }: NamedModel,
  dtype: WeightDtype | undefined,
): Promise<PageModel> {
  const source = await openModelSource(path);
  const model = await readModel(source);
  const files = servedFiles(source.path, dtype, model);
  return { ...listedFacts(name, model, files.dtype), ...files };
}

export interface OpenedPage {
  handle: PageHandler;
  /** Closes the weights. */
  close(): Promise<void>;
}

/** The page for a server that has other paths, too. Throws as `openPageModels` does. */
export async function openPage(
  models: readonly NamedModel[],
  dtype: WeightDtype | undefined,
): Promise<OpenedPage> {
  const read: PageModel[] = [];
  for (const named of models) read.push(await openPageModel(named, dtype));
  const { files, close } = await openPageModels(read);
  return { handle: createPageHandler(APP, files), close };
}
