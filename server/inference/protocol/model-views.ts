// Model views: a model takes pictures under its own name, and pixels or normalized values under its name with a suffix,
// so that each name has the one input that clients which follow the metadata send.

import type { Datatype } from "../../../proto/tensor-codec.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import type { ModelEngine, ModelFacts, ModelRepository } from "../contract.js";

/** Order in which the axes of an image follow each other. */
export type ImageLayout = "none" | "NHWC" | "NCHW";

/** What an input of a model is. */
export interface InputDescription {
  name: string;
  datatype: Datatype;
  /** −1: any number of images. */
  shape: number[];
  layout: ImageLayout;
}

/** `""`: picture files; `pixels`: bytes before normalization; `values`: normalized floats. */
export type View = "" | "pixels" | "values";

/** Suffix of a model's name → the view; a model's own name has none. */
export const VIEWS: readonly View[] = ["", "pixels", "values"];

const SUFFIX = ":";

/** `NAME:pixels` → NAME and `pixels`. Throws `protocol/unknown-model` for another suffix. */
export function parseViewName(name: string): { model: string; view: View } {
  const colon = name.lastIndexOf(SUFFIX);
  if (colon < 0) return { model: name, view: "" };
  const view = VIEWS.find((known) => known !== "" && known === name.slice(colon + 1));
  if (view) return { model: name.slice(0, colon), view };
  const text = `no model "${quote(name)}": behind ":" a name has "pixels" or "values"`;
  throw new VitrineError("protocol/unknown-model", text);
}

/** Name of a view of a model. */
export function viewName(model: string, view: View): string {
  return view === "" ? model : `${model}${SUFFIX}${view}`;
}

/** The input of each view. */
export function inputsOf({ config }: Pick<ModelFacts, "config">): Readonly<Record<View, InputDescription>> {
  const { imageSize: size } = config;
  return {
    // The axis of 1 is Triton's form of one element per image; without it, its tools do not know the shape.
    "": { name: "image", datatype: "BYTES", shape: [-1, 1], layout: "none" },
    pixels: { name: "pixels", datatype: "UINT8", shape: [-1, size, size, 3], layout: "NHWC" },
    values: { name: "pixel_values", datatype: "FP32", shape: [-1, 3, size, size], layout: "NCHW" },
  };
}

/** The engine of a model and the view that a name means. Throws `protocol/unknown-model`. */
export function findView(
  repository: ModelRepository,
  name: string,
  version: string,
): { engine: ModelEngine; view: View; name: string } {
  const { model, view } = parseViewName(name);
  const engine = repository.find(model, version);
  return { engine, view, name: viewName(engine.facts.name, view) };
}
