// Read picture: a file → the model's input.

import type { Model } from "../../runtime/load-model.js";
import type { Classification } from "./messages.js";

export interface PictureInput {
  /** uint8 [size, size, 3]. */
  pixels: Uint8Array;
  decodedBy: Classification["decodedBy"];
}

/** Throws `jpeg/…` or `image/…`. */
export async function readPicture(model: Model, file: Uint8Array): Promise<PictureInput> {
  return { pixels: model.readPicture(file), decodedBy: "vitrine" };
}
