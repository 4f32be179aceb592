// Model list: models.json, by which a page knows the models that its site offers, before it loads one.

import type { WeightDtype } from "../weights/weight-dtype.js";
import type { StoredModel } from "./stored-model.js";

/** The facts of a model that a page may show before the model is loaded. */
interface ListedFacts {
  name: string;
  /** Number format of the weights that visitors download. */
  dtype: WeightDtype;
  /** Number of weights. */
  parameters: number;
  /** Side of the model's square input in pixels. */
  imageSize: number;
  /** Number of classes. */
  classes: number;
}

/** One model of models.json. */
export interface ListedModel extends ListedFacts {
  /** Folder of the model's files, relative to models.json, with its last slash. */
  url: string;
  /** Bytes of the weights. */
  bytes: number;
  /** SHA-256 of the weights, in hexadecimal digits. */
  sha256: string;
  /** The formats that a visitor may choose from, the most exact first; absent where there is one only. */
  formats?: { dtype: WeightDtype; bytes: number }[];
}

/** The contents of models.json. */
export interface ModelList {
  /** Those that visitors may download. */
  models: ListedModel[];
  /** Where the page is shown by an inference server, which computes as well; `token`: whether it asks for one. */
  server?: { token: boolean };
}

export function listedFacts(name: string, { config, weights }: StoredModel, dtype: WeightDtype): ListedFacts {
  let parameters = 0;
  for (const { data } of weights.values()) parameters += data.length;
  return { name, dtype, parameters, imageSize: config.imageSize, classes: config.classes };
}
