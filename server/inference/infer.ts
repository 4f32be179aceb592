// Infer: one ModelInfer request → pixels → logits → the outputs that were asked for.

import { inference } from "../../proto/generated/inference.js";
import { MODEL_VERSION } from "../../proto/inference-service.js";
import { decodeTensors, encodeTensors, type Tensor } from "../../proto/tensor-codec.js";
import { VitrineError } from "../../runtime/errors.js";
import type { Logits } from "../../runtime/inference/logits.js";
import { softmax } from "../../runtime/inference/logits.js";
import type { Batcher, RequestLife } from "./batcher.js";
import { inputDescriptions, outputDescriptions, type ServedModel } from "./served-model.js";

interface Images {
  /** uint8 [count, size, size, 3]. */
  pixels: Uint8Array;
  count: number;
}

function describe(tensors: readonly { name: string; datatype: string; shape: readonly number[] }[]): string {
  return tensors
    .map(({ name, datatype, shape }) => `"${name}" ${datatype} [${shape.join(", ")}]`)
    .join(" or ");
}

/** The one input, after its name, datatype and shape have been compared with the model's. */
function theInput(model: ServedModel, tensors: readonly Tensor[]): Tensor {
  const allowed = describe(inputDescriptions(model));
  const input = tensors[0];
  if (!input || tensors.length > 1) {
    const got = tensors.map(({ name }) => `"${name}"`).join(", ") || "none";
    throw new VitrineError("protocol/tensor", `${tensors.length} inputs (${got}); allowed: one, ${allowed}`);
  }
  const expected = inputDescriptions(model).find(({ name }) => name === input.name);
  const fits =
    expected?.datatype === input.datatype &&
    expected.shape.length === input.shape.length &&
    expected.shape.every((axis, place) => axis === -1 || axis === input.shape[place]);
  if (!fits) {
    throw new VitrineError("protocol/tensor", `input ${describe([input])}; allowed: ${allowed}`);
  }
  if (input.shape[0] === 0) {
    throw new VitrineError(
      "protocol/tensor",
      `input ${describe([input])} holds no image; allowed: 1 or more`,
    );
  }
  return input;
}

function readPictures(model: ServedModel, encoded: readonly Uint8Array[]): Images {
  const imageBytes = model.config.imageSize ** 2 * 3;
  const pixels = new Uint8Array(encoded.length * imageBytes);
  encoded.forEach((bytes, place) => {
    try {
      pixels.set(model.readPicture(bytes), place * imageBytes);
    } catch (error) {
      if (!(error instanceof VitrineError)) throw error;
      const text = `input "image", element ${place}: ${error.message}`;
      throw new VitrineError(error.code, text, {
        details: { ...error.details, element: place },
        cause: error,
      });
    }
  });
  return { pixels, count: encoded.length };
}

function readImages(model: ServedModel, input: Tensor): Images {
  if (input.datatype === "BYTES") return readPictures(model, input.data);
  if (input.datatype === "UINT8") return { pixels: input.data, count: input.shape[0]! };
  throw new VitrineError("protocol/tensor", `input ${describe([input])}; no input is FP32`);
}

/** Softmax of each row, [count, classes]. */
function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const probabilities = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    probabilities.set(softmax(logits.subarray(start, start + classes)), start);
  }
  return probabilities;
}

function outputData(name: string, answer: Logits, classes: number): Float32Array {
  if (name === "probabilities") return softmaxRows(answer.logits, classes);
  if (name === "class_logits") return answer.classLogits;
  return (name === "distillation_logits" && answer.distillationLogits) || answer.logits;
}

/** Names asked for, or all of them; before anything is computed. */
function wantedOutputs(model: ServedModel, request: inference.ModelInferRequest): string[] {
  const known = outputDescriptions(model).map(({ name }) => name);
  const wanted = request.outputs.map(({ name }) => name ?? "");
  for (const name of wanted) {
    if (!known.includes(name)) {
      throw new VitrineError("protocol/tensor", `no output "${name}"; allowed: ${known.join(", ")}`);
    }
  }
  return wanted.length > 0 ? wanted : known;
}

/** Raw contents are answered with raw contents, typed with typed. */
export async function infer(
  model: ServedModel,
  batcher: Batcher,
  request: inference.ModelInferRequest,
  life: RequestLife,
): Promise<inference.ModelInferResponse> {
  const wanted = wantedOutputs(model, request);
  const { tensors, isRaw } = decodeTensors(request.inputs, request.rawInputContents);
  const { pixels, count } = readImages(model, theInput(model, tensors));
  const answer = await batcher.submit(pixels, count, life);
  const { classes } = model.config;
  const outputs = wanted.map((name): Tensor => {
    const data = outputData(name, answer, classes);
    return { name, datatype: "FP32", shape: [count, classes], data };
  });
  const encoded = encodeTensors(outputs, isRaw);
  return inference.ModelInferResponse.create({
    modelName: model.name,
    modelVersion: MODEL_VERSION,
    id: request.id,
    outputs: encoded.tensors,
    rawOutputContents: encoded.raw,
  });
}
