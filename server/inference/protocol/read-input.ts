// Read input: the one input tensor of a request becomes the images of a request to the engine. Its name, datatype and
// shape are compared with the model's limits before its contents are unpacked.

import type { Tensor } from "../../../proto/tensor-codec.js";
import { fitText, quote, VitrineError } from "../../../runtime/errors.js";
import { halvesToFloats } from "../../../runtime/weights/half-float.js";
import { inSlices, SLICE_ELEMENTS } from "../../slices.js";
import type { ModelFacts, RequestImages } from "../contract.js";
import { type ImageLayout, type InputDescription, inputsOf, VIEWS, type View } from "./model-views.js";
import { type Parameters, refuseParameters } from "./request-parameters.js";

/** An input tensor whose contents are still packed. */
export interface InferInput {
  name: string;
  datatype: string;
  shape: readonly number[];
  parameters: Parameters;
  /** Called once, after the rest was accepted. Throws `protocol/tensor`. */
  read(): Tensor | Promise<Tensor>;
}

/** KServe's name for an input without one: its datatype says what it is. */
const UNNAMED = "input-0";

interface Accepted {
  view: View;
  layout: ImageLayout;
  count: number;
}

function describe({ name, datatype, shape }: Pick<InferInput, "name" | "datatype" | "shape">): string {
  const axes = shape.slice(0, 12).join(", ") + (shape.length > 12 ? ", …" : "");
  return `"${quote(name)}" ${quote(datatype)} [${fitText(axes, 200)}]`;
}

/** The shapes that an input may have, −1 for the number of images, each with its layout. */
function shapesOf(input: InputDescription): { shape: readonly number[]; layout: ImageLayout }[] {
  const { shape, layout } = input;
  if (layout === "none") return [shape, [-1]].map((shape) => ({ shape, layout }));
  if (layout === "NHWC") return [{ shape, layout }];
  const [, channels, height, width] = shape;
  return [
    { shape, layout },
    { shape: [-1, height, width, channels], layout: "NHWC" },
  ];
}

const datatypesOf = ({ datatype }: InputDescription): string[] =>
  datatype === "FP32" ? ["FP32", "FP16"] : [datatype];

const fits = (shape: readonly number[], allowed: readonly number[]): boolean =>
  shape.length === allowed.length && allowed.every((axis, place) => axis === -1 || axis === shape[place]);

/** The view whose input this is, by its name, or by its datatype where it has KServe's. */
function viewOf(facts: ModelFacts, view: View, input: InferInput): View | undefined {
  const inputs = inputsOf(facts);
  // A model's own name takes the inputs of its views too.
  const views = view === "" ? VIEWS : [view];
  if (input.name !== UNNAMED) return views.find((name) => inputs[name].name === input.name);
  return views.find((name) => datatypesOf(inputs[name]).includes(input.datatype));
}

/** Everything that the header of the input says, compared with what the model takes. Throws `protocol/tensor`. */
function acceptInput(facts: ModelFacts, view: View, input: InferInput): Accepted {
  const inputs = inputsOf(facts);
  refuseParameters(input.parameters, [], `input "${quote(input.name)}"`);
  const found = viewOf(facts, view, input);
  const shaped =
    found !== undefined && datatypesOf(inputs[found]).includes(input.datatype)
      ? shapesOf(inputs[found]).find(({ shape }) => fits(input.shape, shape))
      : undefined;
  if (found === undefined || !shaped) {
    const allowed = (view === "" ? VIEWS : [view]).map((name) => describe(inputs[name])).join(", or ");
    throw new VitrineError("protocol/tensor", `input ${describe(input)}; allowed: ${allowed}`);
  }
  const count = input.shape[0];
  const { maxImages } = facts.limits;
  if (!(Number.isSafeInteger(count) && count >= 1 && count <= maxImages)) {
    const text = `input ${describe(input)}; allowed in one request: 1 to ${maxImages} images`;
    throw new VitrineError("protocol/tensor", text, { details: { images: count, maxImages } });
  }
  return { view: found, layout: shaped.layout, count };
}

/** The images of a request's only input. Throws `protocol/tensor`, `protocol/parameter`, `protocol/unimplemented`. */
export async function readInput(
  facts: ModelFacts,
  view: View,
  inputs: readonly InferInput[],
): Promise<RequestImages> {
  const [input] = inputs;
  if (!input || inputs.length > 1) {
    const expected = describe(inputsOf(facts)[view]);
    throw new VitrineError("protocol/tensor", `${inputs.length} inputs; allowed: one, ${expected}`);
  }
  const { layout, count } = acceptInput(facts, view, input);
  const tensor = await input.read();
  if (tensor.datatype === "BYTES") return { kind: "pictures", files: tensor.data };
  if (tensor.datatype === "UINT8") return { kind: "pixels", count, data: tensor.data };
  if (tensor.datatype === "FP32" || tensor.datatype === "FP16") {
    const floats = tensor.datatype === "FP16" ? await widen(tensor.data) : tensor.data;
    const side = facts.config.imageSize;
    const data = layout === "NHWC" ? await toChannelsFirst(floats, count, side * side) : floats;
    return { kind: "values", count, data };
  }
  throw new VitrineError("internal/unexpected", `an input of datatype ${tensor.datatype} was accepted`);
}

async function widen(halves: Uint16Array): Promise<Float32Array> {
  const floats = new Float32Array(halves.length);
  await inSlices(halves.length, SLICE_ELEMENTS, (first, end) => {
    floats.set(halvesToFloats(halves.subarray(first, end)), first);
  });
  return floats;
}

/** [count, pixels, 3] → [count, 3, pixels]. */
async function toChannelsFirst(values: Float32Array, count: number, pixels: number): Promise<Float32Array> {
  const moved = new Float32Array(values.length);
  const perTurn = Math.max(1, Math.floor(SLICE_ELEMENTS / (3 * pixels)));
  await inSlices(count, perTurn, (first, end) => {
    for (let from = first * pixels * 3, to = first * pixels * 3; to < end * pixels * 3; to += pixels * 3)
      for (let pixel = 0; pixel < pixels; pixel++)
        for (let channel = 0; channel < 3; channel++) moved[to + channel * pixels + pixel] = values[from++];
  });
  return moved;
}
