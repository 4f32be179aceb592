// Known options: what the library's calls take, by name; a name that is none of them is refused, since a misspelled
// option would be ignored without a word.

import { quote, VitrineError } from "../../runtime/errors.js";
import type { ClassifierOptions, ClassifyOptions, RemoteOptions } from "./contract.js";
import type { TrainerOptions } from "./train/contract.js";

type Names<Options> = Readonly<Record<keyof Options, true>>;

export const CLASSIFIER_OPTIONS: Names<ClassifierOptions> = {
  model: true,
  dtype: true,
  cache: true,
  sha256: true,
  hub: true,
  assets: true,
  device: true,
  remote: true,
  threads: true,
  pixelLimit: true,
  signal: true,
  onKernels: true,
  onMoved: true,
  onProgress: true,
};

export const REMOTE_OPTIONS: Names<RemoteOptions> = { url: true, model: true, token: true };

export const CLASSIFY_OPTIONS: Names<ClassifyOptions> = {
  topK: true,
  heads: true,
  attention: true,
  embeddings: true,
  without: true,
  occlusion: true,
  signal: true,
};

export const TRAINER_OPTIONS: Names<TrainerOptions> = {
  run: true,
  resume: true,
  model: true,
  pictures: true,
  validation: true,
  trains: true,
  settings: true,
  device: true,
  threads: true,
  assets: true,
  signal: true,
  onProgress: true,
  onKernels: true,
  onPlan: true,
  onStep: true,
  onEvaluation: true,
  onNotice: true,
};

export const TRIAL_OPTIONS: Names<{ topK: number }> = { topK: true };

export const OCCLUSION_OPTIONS: Names<{ index: number; steps: number }> = { index: true, steps: true };

/** Names that are given as undefined are refused, too. Throws `usage/bad-option`. */
export function refuseUnknown(options: object, known: Readonly<Record<string, true>>, call: string): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const allowed = Object.keys(known).join(", ");
  throw new VitrineError(
    "usage/bad-option",
    `${call} has no option "${quote(unknown)}"; allowed: ${allowed}`,
  );
}
