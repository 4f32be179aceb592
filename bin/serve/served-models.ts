// Served models: which models the flags of `vitrine serve` name.

import { quote, VitrineError } from "../../runtime/errors.js";
import { entryAt } from "../../runtime/host/node-files.js";
import {
  checkModelName,
  joinOrigins,
  type ModelOrigin,
  modelAtPath,
  modelRepositoryFolder,
} from "../../server/inference/repository/model-origin.js";
import { localModelPath, type NamedModel, namedModels } from "../hub-model.js";
import type { ModelFlags } from "./flags.js";

export interface ServedModels {
  origin: ModelOrigin;
  /** Those that were given one by one. */
  named: readonly NamedModel[];
}

/**
 * Downloads models of the Hub. Throws `usage/models` for equal names and where there is no model, and what opening the
 * paths throws.
 */
export async function servedModels({ model, name, modelRepository }: ModelFlags): Promise<ServedModels> {
  if (model.length === 0 && modelRepository === undefined)
    throw new VitrineError("usage/models", "no model: give --model PATH or --model-repository FOLDER");
  if (name !== undefined && modelRepository !== undefined)
    throw new VitrineError(
      "usage/models",
      "--name is for one --model; a repository's folders name its models",
    );
  const named = namedModels(model, name, checkModelName);
  if (modelRepository !== undefined && !entryAt(modelRepository)?.isDirectory()) {
    const text = `${quote(modelRepository)}: no such folder (--model-repository)`;
    throw new VitrineError("file/not-found", text, { details: { path: modelRepository } });
  }
  const origins: ModelOrigin[] = [];
  for (const { name, path } of named) origins.push(modelAtPath(name, await localModelPath(path)));
  if (modelRepository !== undefined) origins.push(modelRepositoryFolder(modelRepository));
  return { origin: joinOrigins(origins), named };
}
