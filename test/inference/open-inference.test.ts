// Open inference: the six calls over real gRPC, as any client of the protocol makes them, and every invalid request.

import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { decodeTensors } from "../../proto/tensor-codec.js";
import { type InferenceServer, startInferenceServer } from "../../server/inference/inference-server.js";
import { colorModel, IMAGE_BYTES, meanColors, SIZE } from "./color-model.js";

const { ModelInferRequest, ModelMetadataRequest, ModelReadyRequest } = inference;
type InferFields = inference.ModelInferRequest.$Properties;

let server: InferenceServer;
let client: Client;

function call<Request, Response>(
  method: MethodDefinition<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = method;
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + 10_000 },
      (error, response) => (error ? reject(error) : resolve(response as Response)),
    );
  });
}

const infer = (fields: InferFields) => call(INFERENCE_SERVICE.ModelInfer, new ModelInferRequest(fields));

async function refusal(promise: Promise<unknown>): Promise<{ code: string; text: string }> {
  try {
    await promise;
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code: status[code], text: details };
  }
  return assert.unreachable("nothing was refused") as never;
}

test.before(async () => {
  server = await startInferenceServer({
    models: [colorModel()],
    listen: "127.0.0.1:0",
    version: "1.2.3",
    limits: { maxBatch: 2, maxMessageBytes: 10_000 },
  });
  client = new Client(server.address, credentials.createInsecure());
});

test.after(async () => {
  client.close();
  await server.drain();
});

const pixels = (count: number) =>
  Uint8Array.from({ length: count * IMAGE_BYTES }, (_, place) => (place * 37) % 256);
const pixelsRequest = (count: number): InferFields => ({
  modelName: "colors",
  inputs: [{ name: "pixels", datatype: "UINT8", shape: [count, SIZE, SIZE, 3] }],
  rawInputContents: [pixels(count)],
});

test("server and model are live and ready, and identify themselves", async () => {
  assert.is((await call(INFERENCE_SERVICE.ServerLive, new inference.ServerLiveRequest())).live, true);
  assert.is((await call(INFERENCE_SERVICE.ServerReady, new inference.ServerReadyRequest())).ready, true);
  const ready = await call(
    INFERENCE_SERVICE.ModelReady,
    new ModelReadyRequest({ name: "colors", version: "1" }),
  );
  assert.is(ready.ready, true);
  const about = await call(INFERENCE_SERVICE.ServerMetadata, new inference.ServerMetadataRequest());
  assert.equal([about.name, about.version], ["vitrine", "1.2.3"]);
});

test("the model's metadata name its tensors, labels and sizes", async () => {
  const metadata = await call(INFERENCE_SERVICE.ModelMetadata, new ModelMetadataRequest({ name: "colors" }));
  const tensors = (list: typeof metadata.inputs) =>
    list.map(({ name, datatype, shape }) => `${name} ${datatype} ${shape}`);
  assert.equal(tensors(metadata.inputs), ["image BYTES -1,1"]);
  assert.equal(tensors(metadata.outputs), ["logits FP32 -1,3"]);
  assert.equal(metadata.versions, ["1"]);
  assert.equal(JSON.parse(metadata.properties.labels!), ["red", "green", "blue"]);
  assert.is(metadata.properties.image_size, "4");
});

const ALL = ["logits", "probabilities", "class_logits", "distillation_logits"];

test("raw pixels return the requested outputs, raw, with the request's id", async () => {
  const outputs = ALL.map((name) => ({ name }));
  const response = await infer({ ...pixelsRequest(5), outputs, id: "seven" });
  assert.equal([response.modelName, response.modelVersion, response.id], ["colors", "1", "seven"]);
  const { tensors, isRaw } = decodeTensors(response.outputs, response.rawOutputContents);
  assert.ok(isRaw);
  const expected = meanColors(pixels(5), 5);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  assert.equal([...byName.keys()], ALL);
  assert.equal(byName.get("logits")?.shape, [5, 3]);
  assert.equal(byName.get("logits")?.data, expected);
  assert.equal(
    byName.get("class_logits")?.data,
    expected.map((x) => x + 1),
  );
  const probabilities = byName.get("probabilities")?.data as Float32Array;
  for (let row = 0; row < 5; row++) {
    const exps = [0, 1, 2].map((k) => Math.exp(expected[row * 3 + k]! - expected[row * 3]!));
    const sum = exps.reduce((a, b) => a + b);
    exps.forEach((exp, k) => {
      assert.ok(Math.abs(probabilities[row * 3 + k]! - exp / sum) < 1e-6);
    });
  }
});

test("typed contents are answered with typed contents, and only the requested outputs", async () => {
  const response = await infer({
    modelName: "colors",
    inputs: [
      {
        name: "image",
        datatype: "BYTES",
        shape: [2],
        contents: { bytesContents: [Uint8Array.of(9, 8, 7), Uint8Array.of(1, 2, 3)] },
      },
    ],
    outputs: [{ name: "logits" }],
  });
  assert.is(response.rawOutputContents.length, 0);
  assert.is(response.outputs.length, 1);
  assert.equal(response.outputs[0]?.contents?.fp32Contents, [9, 8, 7, 1, 2, 3]);
});

test("concurrent callers each get their own answer", async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, place) =>
      infer({
        modelName: "colors",
        inputs: [{ name: "image", datatype: "BYTES", shape: [1] }],
        outputs: [{ name: "logits" }],
        rawInputContents: [Uint8Array.of(3, 0, 0, 0, place, place + 1, place + 2)],
      }),
    ),
  );
  answers.forEach(({ outputs, rawOutputContents }, place) => {
    const [logits] = decodeTensors(outputs, rawOutputContents).tensors;
    assert.equal([...(logits?.data ?? [])], [place, place + 1, place + 2]);
  });
});

const WRONG: [claim: string, change: InferFields, code: string, text: RegExp][] = [
  ["an unknown model", { modelName: "sounds" }, "NOT_FOUND", /no model "sounds".*"colors"/],
  ["an unknown version", { modelVersion: "2" }, "NOT_FOUND", /no version "2".*1/],
  [
    "an unknown output",
    { outputs: [{ name: "softmax" }] },
    "INVALID_ARGUMENT",
    /"softmax".*logits, probabilities/,
  ],
  [
    "no input",
    { inputs: [], rawInputContents: [] },
    "INVALID_ARGUMENT",
    /0 inputs; allowed: one, "image" BYTES/,
  ],
  [
    "another size",
    { inputs: [{ name: "pixels", datatype: "UINT8", shape: [1, 8, 2, 3] }], rawInputContents: [pixels(1)] },
    "INVALID_ARGUMENT",
    /\[1, 8, 2, 3\].*\[-1, 4, 4, 3\]/,
  ],
  [
    "another datatype",
    {
      inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 1, 4, 3] }],
      rawInputContents: [pixels(1)],
    },
    "INVALID_ARGUMENT",
    /"pixels" FP32/,
  ],
  [
    "no image",
    { inputs: [{ name: "image", datatype: "BYTES", shape: [0] }], rawInputContents: [new Uint8Array(0)] },
    "INVALID_ARGUMENT",
    /"image" BYTES \[0\].*1 to 256 images/,
  ],
  [
    "a file that is not a picture",
    {
      inputs: [{ name: "image", datatype: "BYTES", shape: [2] }],
      rawInputContents: [Uint8Array.of(3, 0, 0, 0, 1, 2, 3, 1, 0, 0, 0, 9)],
    },
    "INVALID_ARGUMENT",
    /jpeg\/not-jpeg: input "image", element 1: not a JPEG/,
  ],
];

for (const [claim, change, code, text] of WRONG) {
  test(`refused with ${code}: ${claim}`, async () => {
    const got = await refusal(infer({ ...pixelsRequest(1), ...change }));
    assert.is(got.code, code);
    assert.match(got.text, text);
  });
}

test("an unknown model is not ready, and its metadata are NOT_FOUND", async () => {
  const { ready } = await call(INFERENCE_SERVICE.ModelReady, new ModelReadyRequest({ name: "sounds" }));
  const about = await refusal(
    call(INFERENCE_SERVICE.ModelMetadata, new ModelMetadataRequest({ name: "sounds" })),
  );
  assert.equal([ready, about.code], [false, "NOT_FOUND"]);
});

test("a request larger than the limit is refused, naming the flag", async () => {
  const got = await refusal(infer(pixelsRequest(300)));
  assert.is(got.code, "RESOURCE_EXHAUSTED");
  assert.match(got.text, /has 14\d\d\d bytes; allowed: 10000\. .*--max-message-bytes/);
});

for (const [claim, name] of [
  ["of control characters", "\u001b[2J\n".repeat(500)],
  ["of four-byte characters", "🦁".repeat(2_000)],
  ["whose cut would split a character", `a${"🦁".repeat(2_000)}`],
]) {
  test(`an unknown model's name ${claim} is returned escaped and short, and the server keeps serving`, async () => {
    const request = new ModelMetadataRequest({ name });
    const got = await refusal(call(INFERENCE_SERVICE.ModelMetadata, request));
    assert.is(got.code, "NOT_FOUND");
    assert.not.match(got.text, /\p{Cc}/u);
    assert.ok(Buffer.byteLength(got.text) < 400, got.text);
    assert.is((await call(INFERENCE_SERVICE.ServerLive, new inference.ServerLiveRequest())).live, true);
  });
}

test("bytes that are not a message give INVALID_ARGUMENT", async () => {
  const bytes = Buffer.from([0x0a, 0xff, 0xff, 0x03, 1]);
  for (const { path, responseDeserialize } of Object.values(INFERENCE_SERVICE)) {
    if (/Live|Ready|ServerMetadata|SharedMemory|Settings?$|StreamInfer/.test(path)) continue;
    const method = { path, requestSerialize: () => bytes, responseDeserialize } as never;
    const got = await refusal(call(method, bytes));
    assert.is(got.code, "INVALID_ARGUMENT", path);
    assert.match(got.text, /protocol\/malformed/);
  }
});

test.run();
