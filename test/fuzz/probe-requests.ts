// Probe requests: a damaged ModelInfer message is answered or refused as the caller's fault, and none takes long.

import { Metadata, status } from "@grpc/grpc-js";
import { inference } from "../../proto/generated/inference.js";
import { encodeTensors, type Tensor } from "../../proto/tensor-codec.js";
import { statusOf } from "../../proto/wire-error.js";
import { isVitrineError } from "../../runtime/errors.js";
import { createEngine } from "../../server/inference/engine/engine.js";
import { DEFAULT_LIMITS } from "../../server/inference/inference-server.js";
import { inferOverGrpc } from "../../server/inference/protocol/infer-call.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { colorModel } from "../inference/color-model.js";

/** CPU time of one small request. */
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
export function requests(): Uint8Array[] {
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

/** `answered`, or the code of the refusal; throws where a promise breaks. */
export async function probeRequest(bytes: Uint8Array): Promise<string> {
  const life = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
  const start = process.cpuUsage();
  const outcome = await inferOverGrpc({ repository }, { bytes, metadata: new Metadata(), life }).then(
    () => "answered",
    (error) => {
      const code = isVitrineError(error) ? error.code : String(error);
      if (statusOf(error, "inference") === status.INTERNAL) throw new Error(code);
      return code;
    },
  );
  const { user, system } = process.cpuUsage(start);
  const took = (user + system) / 1000;
  if (took >= LONGEST_MS) throw new Error(`${Math.round(took)} ms`);
  return outcome;
}
