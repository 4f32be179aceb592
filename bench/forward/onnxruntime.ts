// onnxruntime as a peer of the forward bench: onnxruntime.js FOLDER BATCH THREADS web|node

import { join } from "node:path";
import { ONNX_INPUT } from "../../runtime/onnx/model.js";
import { readImage, readInputs } from "../peers/inputs.js";
import { requirePeer } from "../peers/packages.js";
import { serveRounds } from "../peers/peer.js";

interface OrtTensor {
  data: Float32Array;
}

interface OrtSession {
  run(inputs: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
}

/** The part of onnxruntime-common's interface that is used here. */
interface Ort {
  env: { wasm: { numThreads: number } };
  Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => OrtTensor;
  InferenceSession: { create(path: string, options: object): Promise<OrtSession> };
}

const [folder, batchText, threadsText, kind] = process.argv.slice(2) as [string, string, string, string];
const [batch, threads] = [Number(batchText), Number(threadsText)];
const ort = requirePeer<Ort>(kind === "web" ? "onnxruntime-web" : "onnxruntime-node");
if (kind === "web") ort.env.wasm.numThreads = threads;
const session = await ort.InferenceSession.create(join(folder, `deit-${batch}.onnx`), {
  executionProviders: [kind === "web" ? "wasm" : "cpu"],
  graphOptimizationLevel: "all",
  intraOpNumThreads: threads,
});
const { config } = readInputs(folder);
const side = config.imageSize;
const image = new ort.Tensor("float32", readImage(folder, config, batch), [batch, 3, side, side]);
const { logits } = await session.run({ [ONNX_INPUT]: image });
if (!logits) throw new Error("error: onnxruntime returned no logits");
await serveRounds([...logits.data], () => session.run({ [ONNX_INPUT]: image }));
