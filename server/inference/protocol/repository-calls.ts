// Repository calls: RepositoryIndex, RepositoryModelLoad and RepositoryModelUnload.

import { quote, VitrineError } from "../../../runtime/errors.js";
import type { RequestLife } from "../../request-life.js";
import type { ModelRepository } from "../contract.js";
import { parseViewName } from "./model-views.js";

/** Triton's clients send it with every unload; models here depend on none. */
const ALLOWED_PARAMETERS = ["unload_dependents"];

/** A model that is to be loaded or unloaded. */
export interface ModelOrder {
  repositoryName: string;
  modelName: string;
  parameters: Record<string, unknown>;
}

/** KServe's clients have the model's name where Triton's have the repository's. Throws `protocol/unimplemented`. */
function orderedModel({ repositoryName, modelName, parameters }: ModelOrder): string {
  for (const name of Object.keys(parameters)) {
    if (ALLOWED_PARAMETERS.includes(name)) continue;
    const text = `parameter "${quote(name)}": a model is loaded as it is in the server's repository`;
    throw new VitrineError("protocol/unimplemented", text);
  }
  return parseViewName(modelName === "" ? repositoryName : modelName).model;
}

/** Throws `protocol/unimplemented` and what `ModelRepository.load` throws. */
export async function loadModel(
  repository: ModelRepository,
  order: ModelOrder,
  life: RequestLife,
): Promise<string> {
  const model = orderedModel(order);
  await repository.load(model, life);
  return model;
}

/** As `loadModel`. */
export async function unloadModel(
  repository: ModelRepository,
  order: ModelOrder,
  life: RequestLife,
): Promise<string> {
  const model = orderedModel(order);
  await repository.unload(model, life);
  return model;
}

export interface IndexEntry {
  name: string;
  version: string;
  /** LOADING, READY, UNLOADING or UNAVAILABLE. */
  state: string;
  reason: string;
}

/** The answer of RepositoryIndex. Throws `protocol/parameter`. */
export function repositoryIndex(
  repository: ModelRepository,
  { repositoryName, ready }: { repositoryName: string; ready: boolean },
): IndexEntry[] {
  if (repositoryName !== "") {
    const text = `no repository "${quote(repositoryName)}"; allowed: an empty name, which is the server's only one`;
    throw new VitrineError("protocol/parameter", text);
  }
  const models = repository.index().filter(({ state }) => !ready || state === "ready");
  return models.map(({ state, ...model }) => ({ ...model, state: state.toUpperCase() }));
}
