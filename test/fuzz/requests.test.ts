// Fuzzing of requests with a fixed seed: damaged messages of ModelInfer are answered or refused as the caller's fault, and
// none takes long.

import { Metadata, status } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inference } from "../../proto/generated/inference.js";
import { encodeTensors, type Tensor } from "../../proto/tensor-codec.js";
import { statusOf } from "../../proto/wire-error.js";
import { isVitrineError } from "../../runtime/errors.js";
import { createEngine } from "../../server/inference/engine/engine.js";
import { DEFAULT_LIMITS } from "../../server/inference/inference-server.js";
import { inferOverGrpc } from "../../server/inference/protocol/infer-call.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { colorModel } from "../inference/color-model.js";
import { generator, mutate } from "./mutate.js";

/** CI continues for this long; elsewhere four thousand rounds are enough. */
const MILLISECONDS = process.env.CI ? 20_000 : 0;
/** Of one small request on a busy machine. */
const LONGEST_MS = 2000;

const repository = fixedRepository([
  createEngine(colorModel(), { version: "1", limits: { ...DEFAULT_LIMITS, maxImages: 8 } }),
]);

const TENSORS: Tensor[] = [
  {
    name: "image",
    datatype: "BYTES",
    shape: [2, 1],
    data: [Uint8Array.of(1, 2, 3), Uint8Array.of(250, 0, 9)],
  },
  { name: "pixels", datatype: "UINT8", shape: [1, 4, 4, 3], data: new Uint8Array(48).fill(200) },
  { name: "pixel_values", datatype: "FP32", shape: [1, 3, 4, 4], data: new Float32Array(48).fill(0.5) },
  { name: "pixel_values", datatype: "FP16", shape: [1, 4, 4, 3], data: new Uint16Array(48).fill(0x3800) },
];

const OUTPUTS: inference.ModelInferRequest.InferRequestedOutputTensor.$Properties[][] = [
  [],
  [{ name: "logits", parameters: { classification: { int64Param: 2 } } }, { name: "probabilities" }],
  [{ name: "labels" }, { name: "distillation_logits" }],
];

/** Every input, raw and typed, with every list of outputs. */
function requests(): Uint8Array[] {
  return TENSORS.flatMap((tensor) =>
    [true, false]
      .filter((isRaw) => isRaw || tensor.datatype !== "FP16")
      .flatMap((isRaw) => {
        const { tensors, raw } = encodeTensors([tensor], isRaw);
        return OUTPUTS.map((outputs) =>
          inference.ModelInferRequest.encode({
            modelName: "colors",
            id: "1",
            parameters: { priority: { uint64Param: 2 }, timeout: { int64Param: 60_000_000 } },
            inputs: tensors,
            outputs,
            rawInputContents: raw,
          }).finish(),
        );
      }),
  );
}

async function outcomeOf(bytes: Uint8Array): Promise<string> {
  const life = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
  const start = performance.now();
  try {
    await inferOverGrpc({ repository }, { bytes, metadata: new Metadata(), life });
    return "answered";
  } catch (error) {
    const code = isVitrineError(error) ? error.code : `${error}`;
    assert.is.not(statusOf(error, "inference"), status.INTERNAL, code);
    return code;
  } finally {
    const took = performance.now() - start;
    assert.ok(took < LONGEST_MS, `${took} ms`);
  }
}

test("every request is answered as it is", async () => {
  for (const bytes of requests()) assert.is(await outcomeOf(bytes), "answered");
});

test("damaged requests are answered or refused, never as a fault of the server", async () => {
  const whole = requests();
  const next = generator(17);
  const outcomes = new Set<string>();
  const end = performance.now() + MILLISECONDS;
  for (let round = 0; round < 4000 || performance.now() < end; round++)
    outcomes.add(await outcomeOf(mutate(whole[next() % whole.length] as Uint8Array, next)));
  for (const outcome of [
    "answered",
    "protocol/malformed",
    "protocol/parameter",
    "protocol/tensor",
    "protocol/unknown-model",
  ])
    assert.ok(outcomes.has(outcome), `${outcome} never happened: ${[...outcomes].join(", ")}`);
});

test.run();
