// Served models: which models the flags of `vitrine serve` name.

import { isHubReference, parseHubReference } from "../../client/node/hub/reference.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { entryAt } from "../../runtime/host/node-files.js";
import {
  checkModelName,
  joinOrigins,
  type ModelOrigin,
  modelAtPath,
  modelRepositoryFolder,
} from "../../server/inference/repository/model-origin.js";
import { localModelPath, refuseBareHubName } from "../hub-model.js";
import type { ModelFlags } from "./flags.js";

/** NAME=PATH → both; a PATH that has a "=" itself is one if something is there. */
function split(text: string): { name?: string; path: string } {
  const at = text.indexOf("=");
  if (at < 1 || text.slice(0, at).includes("/") || entryAt(text)) return { path: text };
  return { name: text.slice(0, at), path: text.slice(at + 1) };
}

function nameOf(path: string): string {
  if (isHubReference(path)) return parseHubReference(path).name;
  refuseBareHubName(path);
  return nodeModelSource(path).name;
}

export interface ServedModels {
  origin: ModelOrigin;
  /** Names of those that were given one by one. */
  named: readonly string[];
}

/**
 * Downloads models of the Hub. Throws `usage/models` for equal names and where there is no model, and what opening the
 * paths throws.
 */
export async function servedModels({ model, name, modelRepository }: ModelFlags): Promise<ServedModels> {
  if (model.length === 0 && modelRepository === undefined)
    throw new VitrineError("usage/models", "no model: give --model PATH or --model-repository FOLDER");
  if (name !== undefined && (model.length !== 1 || modelRepository !== undefined))
    throw new VitrineError(
      "usage/models",
      "--name is for one --model; name each of several by --model NAME=PATH",
    );
  const named = model.map((text) => {
    const { path, ...given } = split(text);
    return { path, name: checkModelName(name ?? given.name ?? nameOf(path)) };
  });
  const paths = new Map<string, string>();
  for (const { name, path } of named) {
    const other = paths.get(name);
    if (other !== undefined) {
      const text = `--model: ${quote(other)} and ${quote(path)} are both named "${name}"; name one by NAME=PATH`;
      throw new VitrineError("usage/models", text, { details: { name } });
    }
    paths.set(name, path);
  }
  if (modelRepository !== undefined && !entryAt(modelRepository)?.isDirectory()) {
    const text = `${quote(modelRepository)}: no such folder (--model-repository)`;
    throw new VitrineError("file/not-found", text, { details: { path: modelRepository } });
  }
  const origins: ModelOrigin[] = [];
  for (const [modelName, path] of paths) origins.push(modelAtPath(modelName, await localModelPath(path)));
  if (modelRepository !== undefined) origins.push(modelRepositoryFolder(modelRepository));
  return { origin: joinOrigins(origins), named: [...paths.keys()] };
}
