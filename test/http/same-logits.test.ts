// Same logits: one picture has the same bytes of logits over gRPC, REST as JSON and as binary data, gRPC-Web and in the
// library, and the same probabilities from `vitrine classify`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectInference } from "../../client/node/inference-client.js";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { decodeTensors } from "../../proto/tensor-codec.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { startInferenceServer } from "../../server/inference/inference-server.js";
import { runCommand } from "../inference/run-command.js";
import { makeTinyModel, TINY, wavesJpeg } from "../inference/tiny-model.js";
import { callGrpcWeb } from "./grpc-web-client.js";
import { startRest } from "./rest-server.js";

const COUNT = 3;

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

test("gRPC, REST, gRPC-Web, the library and the command agree on every bit", async () => {
  const tiny = makeTinyModel();
  const runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
  const model = await loadModel(runtime, nodeModelSource(tiny.folder));
  const served = { ...model, name: "tiny", device: "wasm" };
  const files = Array.from({ length: COUNT }, (_, seed) => wavesJpeg(seed));
  const paths = files.map((_, seed) => join(tiny.folder, `photo-${seed}.jpg`));
  for (const [seed, path] of paths.entries()) writeFileSync(path, files[seed]);
  const imageBytes = TINY.imageSize ** 2 * 3;
  const pixels = new Uint8Array(COUNT * imageBytes);
  for (const [place, file] of files.entries()) pixels.set(await model.readPicture(file), place * imageBytes);
  const expected = (await model.logits(pixels, COUNT)).logits;

  const grpc = await startInferenceServer({ models: [served], listen: "127.0.0.1:0", version: "1.2.3" });
  const client = connectInference(grpc.address);
  const rest = await startRest({}, served);
  const answers: Record<string, Float32Array> = {};

  const image = { name: "image", datatype: "BYTES" as const, shape: [COUNT], data: files };
  answers.gRPC = (await client.infer([image])).get("logits")?.data as Float32Array;

  const post = async (body: BodyInit, headers: Record<string, string> = {}) =>
    rest.call("/v2/models/tiny/infer", { method: "POST", body, headers });
  const base64 = files.map((file) => Buffer.from(file).toString("base64"));
  const parameters = { content_type: "base64" };
  const json = await post(JSON.stringify({ inputs: [{ ...image, parameters, data: base64 }] }));
  answers["REST, JSON, files"] = Float32Array.from(json.json.outputs[0].data);
  const flat = { name: "pixels", datatype: "UINT8", shape: [COUNT, TINY.imageSize, TINY.imageSize, 3] };
  const jsonPixels = await post(JSON.stringify({ inputs: [{ ...flat, data: [...pixels] }] }));
  answers["REST, JSON, pixels"] = Float32Array.from(jsonPixels.json.outputs[0].data);

  const header = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ ...flat, parameters: { binary_data_size: pixels.length } }],
    }),
  );
  const binary = await post(new Uint8Array(Buffer.concat([header, pixels])), {
    "inference-header-content-length": String(header.length),
  });
  const start = Number(binary.headers.get("inference-header-content-length"));
  const raw = Uint8Array.from(binary.bytes.subarray(start));
  answers["REST, binary"] = new Float32Array(raw.buffer);

  const request = new inference.ModelInferRequest({
    modelName: "tiny",
    inputs: [{ name: flat.name, datatype: flat.datatype, shape: flat.shape }],
    rawInputContents: [pixels],
  });
  for (const text of [false, true]) {
    const web = await callGrpcWeb(rest.url, INFERENCE_SERVICE.ModelInfer, [request], { text });
    const { outputs, rawOutputContents } = web.messages[0];
    answers[`gRPC-Web${text ? ", text" : ""}`] = decodeTensors(outputs, rawOutputContents).tensors[0]
      .data as Float32Array;
  }

  for (const [way, logits] of Object.entries(answers)) {
    assert.is(Buffer.compare(bytesOf(logits), bytesOf(expected)), 0, way);
  }

  const command = runCommand("classify", ...paths, "--model", tiny.folder, "--device", "wasm", "--json");
  assert.is(await command.ended, 0);
  const classes = JSON.parse(command.output().stdout).map(({ classes }: { classes: object[] }) => classes);
  const form = new FormData();
  for (const file of files) form.append("photo", new Blob([new Uint8Array(file)]), "photo.jpg");
  const { json: classified } = await rest.call("/v2/models/tiny/classify", { method: "POST", body: form });
  assert.equal(classified.predictions, classes);

  client.close();
  await grpc.drain();
  await rest.close();
  model.dispose();
  await runtime.dispose();
  tiny.remove();
});

test.run();
