// Protocol facts: what both protocols answer alike about the server and whether a model is ready.

import type { ModelRepository } from "../contract.js";
import { parseViewName } from "./model-views.js";

/** What readiness depends on. */
export interface Readiness {
  repository: ModelRepository;
  /** False while loading or draining. */
  isReady(): boolean;
}

/** Of the protocol's extensions, those of both protocols; REST adds its own. */
export const EXTENSIONS: readonly string[] = [
  "classification",
  "model_repository",
  "model_repository(unload_dependents)",
  "model_configuration",
  "schedule_policy",
  "statistics",
];

/** False for a model that the server does not have, as Triton answers: clients wait for a model by asking again. */
export function isModelReady({ repository, isReady }: Readiness, name: string, version: string): boolean {
  try {
    return isReady() && repository.isReady(parseViewName(name).model, version);
  } catch {
    return false;
  }
}
