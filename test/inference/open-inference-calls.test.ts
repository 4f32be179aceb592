// Triton's additions to the Open Inference Protocol over real gRPC: configuration, statistics, repository, streams; and the
// limits of what any call holds.

import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE, type InferMessage } from "../../proto/services.js";
import { decodeTensors } from "../../proto/tensor-codec.js";
import type { VitrineError } from "../../runtime/errors.js";
import type { CallObserver } from "../../server/inference/contract.js";
import { type InferStream, serveInferStream } from "../../server/inference/protocol/infer-stream.js";
import { snakeCase } from "../../server/inference/protocol/model-description.js";
import { EXTENSIONS, isModelReady } from "../../server/inference/protocol/protocol-facts.js";
import { reportingService } from "./reporting-service.js";

type Infer = inference.ModelInferRequest.$Properties;
type StreamResponse = inference.ModelStreamInferResponse;

const observed: string[] = [];

const calls: CallObserver = {
  arrived: ({ requestId, traceparent }) => {
    observed.push(`arrived ${requestId} ${traceparent}`);
    return {
      requestId: requestId || "made",
      answered: ({ model, version, images }) => void observed.push(`answered ${model} ${version} ${images}`),
      failed: (error, subject) =>
        void observed.push(`failed ${(error as VitrineError).code} ${subject?.model} ${subject?.images}`),
    };
  },
};

const { server, repository, orders, stopping, listen } = reportingService(calls);
let client: Client;

test.before(async () => {
  client = new Client(await listen(), credentials.createInsecure(), {
    "grpc.max_send_message_length": -1,
  });
});

test.after(() => {
  client.close();
  server.forceShutdown();
});

interface Method<Request, Response> {
  path: string;
  requestSerialize(request: Request): Buffer;
  responseDeserialize(bytes: Buffer): Response;
}

function call<Request, Response>(
  { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
  request: NoInfer<Request>,
  headers: Record<string, string> = {},
  onMetadata?: (metadata: Metadata) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const options = { deadline: Date.now() + 20_000 };
    const unary = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      options,
      (error, response) => (error ? reject(error) : resolve(response as Response)),
    );
    if (onMetadata) unary.on("metadata", onMetadata);
  });
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    const { code, details } = error as ServiceError;
    return `${status[code]} ${details}`;
  }
  return assert.unreachable("nothing was refused") as never;
}

const { ModelConfig, ModelStatistics, RepositoryIndex, RepositoryModelLoad, RepositoryModelUnload } =
  INFERENCE_SERVICE;

/** A request of `colors.length` one-color pictures. */
const pictures = (colors: number[][], fields: Infer = {}): Infer => ({
  modelName: "colors",
  inputs: [{ name: "image", datatype: "BYTES", shape: [colors.length, 1] }],
  rawInputContents: [Buffer.from(colors.flatMap((color) => [color.length, 0, 0, 0, ...color]))],
  ...fields,
});
const infer = (request: InferMessage, headers?: Record<string, string>, onMetadata?: (m: Metadata) => void) =>
  call(INFERENCE_SERVICE.ModelInfer, request, headers, onMetadata);

test("the server lists the extensions that it has", async () => {
  const about = await call(INFERENCE_SERVICE.ServerMetadata, inference.ServerMetadataRequest.create());
  assert.equal(about.extensions, [...EXTENSIONS]);
});

test("a model is ready under the names of its views, unless the server is not or the name is none", () => {
  const ready = (name: string, version = "", isReady = true) =>
    isModelReady({ repository, isReady: () => isReady }, name, version);
  assert.equal(
    ["colors", "colors:pixels", "colors:values"].map((name) => ready(name)),
    [true, true, true],
  );
  assert.equal([ready("colors:other"), ready("sounds"), ready("colors", "4")], [false, false, false]);
  assert.is(ready("colors", "3", false), false);
});

test("ModelConfig describes one input and one output of each view, without the number of images", async () => {
  const configs = await Promise.all(
    ["colors", "colors:pixels", "colors:values"].map(async (name) => {
      const request = inference.ModelConfigRequest.create({ name });
      return (await call(ModelConfig, request)).config as inference.ModelConfig;
    }),
  );
  const { DataType, ModelInput } = inference;
  assert.equal(
    configs.map(({ name, input, output }) => [
      name,
      ...input.map(({ name, dataType, format, dims }) => [
        name,
        DataType[dataType as number],
        ModelInput.Format[format as number],
        dims,
      ]),
      ...output.map(({ name, dims }) => [name, dims]),
    ]),
    [
      ["colors", ["image", "TYPE_STRING", "FORMAT_NONE", [1]], ["logits", [3]]],
      ["colors:pixels", ["pixels", "TYPE_UINT8", "FORMAT_NHWC", [4, 4, 3]], ["logits", [3]]],
      ["colors:values", ["pixel_values", "TYPE_FP32", "FORMAT_NCHW", [3, 4, 4]], ["logits", [3]]],
    ],
  );
  const [config] = configs;
  assert.is(config!.maxBatchSize, 16);
  assert.equal(config!.dynamicBatching?.preferredBatchSize, [2]);
  assert.equal(JSON.parse(config!.parameters.labels!.stringValue!), ["red", "green", "blue"]);
});

test("the same configuration has Triton's field names in REST's form, and its maps keep their keys", () => {
  const given = {
    maxBatchSize: 1,
    parameters: { max_batch: { stringValue: "1" }, Aa: 2 },
    input: [{ dataType: "T" }],
  };
  assert.equal(snakeCase(given), {
    max_batch_size: 1,
    parameters: { max_batch: { string_value: "1" }, Aa: 2 },
    input: [{ data_type: "T" }],
  });
});

test("ModelStatistics add up requests, images and batches of each version", async () => {
  const read = async () => {
    const request = inference.ModelStatisticsRequest.create({ name: "colors" });
    const { modelStats } = await call(ModelStatistics, request);
    assert.is(modelStats.length, 1);
    return modelStats[0] as inference.ModelStatistics;
  };
  const before = await read();
  const since = Date.now();
  await infer(
    pictures([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]),
  );
  await infer(pictures([[1, 2, 3]]));
  await refusal(infer(pictures([[1]])));
  const after = await read();
  const grown = (count: (stats: inference.ModelStatistics) => number | null | undefined) =>
    (count(after) ?? 0) - (count(before) ?? 0);
  assert.equal([after.name, after.version], ["colors", "3"]);
  assert.is(
    grown((stats) => stats.inferenceCount),
    4,
  );
  assert.is(
    grown((stats) => stats.inferenceStats?.success?.count),
    2,
  );
  assert.is(
    grown((stats) => stats.inferenceStats?.fail?.count),
    1,
  );
  assert.is(
    grown((stats) => stats.inferenceStats?.computeOutput?.count),
    2,
  );
  const sizes = after.batchStats.map(({ batchSize }) => batchSize as number);
  const images = (stats: inference.ModelStatistics) =>
    stats.batchStats.reduce((sum, { batchSize, computeInfer }) => sum + batchSize! * computeInfer!.count!, 0);
  assert.is(images(after) - images(before), 4);
  assert.equal(sizes, [1, 2]);
  const { success, queue, computeInput, computeInfer } = after.inferenceStats!;
  const ns = (duration: inference.StatisticDuration.$Properties | null | undefined) =>
    duration!.ns! / duration!.count!;
  assert.equal([success, queue, computeInput, computeInfer].map(ns), [6e6, 1e6, 2e6, 3e6]);
  assert.is(
    after.executionCount,
    after.batchStats.reduce((sum, { computeInfer }) => sum + computeInfer!.count!, 0),
  );
  assert.ok(after.lastInference >= since && after.lastInference <= Date.now());
  const all = await call(ModelStatistics, inference.ModelStatisticsRequest.create());
  assert.equal(
    all.modelStats.map(({ name }) => name),
    ["colors"],
  );
  const unknown = inference.ModelStatisticsRequest.create({ name: "sounds" });
  assert.match(await refusal(call(ModelStatistics, unknown)), /^NOT_FOUND .*no model "sounds"/);
});

test("RepositoryIndex lists models with their state, or those that are ready", async () => {
  const index = async (fields: inference.RepositoryIndexRequest.$Properties) =>
    (await call(RepositoryIndex, inference.RepositoryIndexRequest.create(fields))).models.map(
      ({ name, version, state, reason }) => `${name} ${version} ${state} ${reason}`,
    );
  assert.equal(await index({}), ["colors 3 READY ", "next 1 LOADING reading weights"]);
  assert.equal(await index({ ready: true }), ["colors 3 READY "]);
  assert.match(await refusal(index({ repositoryName: "other" })), /^INVALID_ARGUMENT .*"other"/);
});

test("models are loaded and unloaded by Triton's and by KServe's form of the request", async () => {
  orders.length = 0;
  const load = (fields: inference.RepositoryModelLoadRequest.$Properties) =>
    call(RepositoryModelLoad, inference.RepositoryModelLoadRequest.create(fields));
  assert.equal({ ...(await load({ modelName: "colors" })) }, { modelName: "colors", isLoaded: true });
  assert.is((await load({ repositoryName: "colors" })).modelName, "colors");
  const unload = inference.RepositoryModelUnloadRequest.create({
    modelName: "colors",
    parameters: { unload_dependents: { boolParam: false } },
  });
  assert.equal({ ...(await call(RepositoryModelUnload, unload)) }, { modelName: "colors", isUnloaded: true });
  assert.equal(orders, ["load colors", "load colors", "unload colors"]);
  assert.match(await refusal(load({ modelName: "broken" })), /^FAILED_PRECONDITION .*model-control/);
  const config = { modelName: "colors", parameters: { config: { stringParam: "{}" } } };
  assert.match(await refusal(load(config)), /^UNIMPLEMENTED .*"config"/);
});

test("there are no regions of shared memory and none can be registered; settings are UNIMPLEMENTED", async () => {
  const request = inference.SharedMemoryRequest.create();
  const names = ["SystemSharedMemory", "CudaSharedMemory"] as const;
  for (const name of names) {
    await call(INFERENCE_SERVICE[`${name}Status`], request);
    await call(INFERENCE_SERVICE[`${name}Unregister`], request);
    assert.match(
      await refusal(call(INFERENCE_SERVICE[`${name}Register`], request)),
      /^UNIMPLEMENTED .*shared/,
    );
  }
  for (const name of ["TraceSetting", "LogSettings"] as const) {
    const settings = inference.SettingsRequest.create();
    assert.match(
      await refusal(call(INFERENCE_SERVICE[name], settings)),
      /^UNIMPLEMENTED protocol\/unimplemented/,
    );
  }
});

test("a call's id, or its header, is the request's id for logs and comes back; observers see model and images", async () => {
  observed.length = 0;
  let id: unknown;
  const onMetadata = (metadata: Metadata) => {
    [id] = metadata.get("x-request-id");
  };
  await infer(pictures([[1, 2, 3]], { id: "seven" }), { traceparent: "00-ab-cd-01" }, onMetadata);
  assert.is(id, "seven");
  await refusal(infer(pictures([[1]]), { "x-request-id": "eight" }));
  await refusal(infer({ modelName: "sounds" }));
  await refusal(infer(Uint8Array.of(0x0a, 9)));
  assert.equal(observed, [
    "arrived seven 00-ab-cd-01",
    "answered colors 3 1",
    "arrived eight undefined",
    "failed jpeg/not-jpeg colors 1",
    "arrived  undefined",
    "failed protocol/unknown-model undefined undefined",
    "arrived undefined undefined",
    "failed protocol/malformed undefined undefined",
  ]);
});

function openStream(headers: Record<string, string> = {}) {
  const { path, requestSerialize, responseDeserialize } = INFERENCE_SERVICE.ModelStreamInfer;
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const responses: StreamResponse[] = [];
  stream.on("data", (response) => responses.push(response));
  stream.on("error", () => {});
  const ended = new Promise<string>((resolve) => {
    stream.on("status", ({ code, details }) => resolve(`${status[code]} ${details}`));
  });
  return { stream, responses, ended };
}

test("a stream answers each request in order; an error is its request's own", async () => {
  const { stream, responses, ended } = openStream();
  for (let place = 0; place < 100; place++) {
    const picture = place % 10 === 7 ? [1] : [place, 0, 0];
    stream.write(pictures([picture], { id: `n${place}` }));
  }
  stream.write(Uint8Array.of(0x0a, 9));
  stream.end();
  assert.is(await ended, "OK OK");
  assert.is(responses.length, 101);
  responses.slice(0, 100).forEach(({ errorMessage, inferResponse }, place) => {
    assert.is(inferResponse?.id, `n${place}`);
    assert.is(inferResponse?.parameters?.triton_final_response?.boolParam, true);
    if (place % 10 === 7) {
      assert.match(errorMessage, /^jpeg\/not-jpeg: input "image", element 0/);
      assert.equal([inferResponse?.modelName, inferResponse?.outputs], ["colors", []]);
    } else {
      assert.is(errorMessage, "");
      const { outputs, rawOutputContents } = inferResponse!;
      const [logits] = decodeTensors(outputs as never, rawOutputContents as never).tensors;
      assert.equal([...logits!.data], [place, 0, 0]);
    }
  });
  assert.match(responses[100]!.errorMessage, /^protocol\/malformed/);
});

test("with the header triton_grpc_error an error ends the stream with its status, after the answers before it", async () => {
  const { stream, responses, ended } = openStream({ triton_grpc_error: "true" });
  stream.write(pictures([[1, 2, 3]]));
  stream.write(pictures([[1]]));
  stream.write(pictures([[4, 5, 6]]));
  assert.match(await ended, /^INVALID_ARGUMENT jpeg\/not-jpeg/);
  assert.is(responses.length, 1);
});

/** A server of streams alone, whose requests end when the test says so. */
async function heldStream(large: boolean) {
  const started: (() => void)[] = [];
  const infer = () =>
    new Promise<inference.ModelInferResponse.$Properties>((resolve) => {
      started.push(() => resolve({ id: "done" }));
    });
  const held = new Server({ "grpc.max_receive_message_length": -1 });
  const { ModelStreamInfer } = INFERENCE_SERVICE;
  held.addService(
    { ModelStreamInfer },
    { ModelStreamInfer: (stream: InferStream) => serveInferStream(stream, infer) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    held.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const caller = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = ModelStreamInfer;
  const stream = caller.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const message = new Uint8Array(large ? 3 << 20 : 10);
  for (let place = 0; place < 60; place++) stream.write(message);
  stream.end();
  stream.on("error", () => {});
  /** Resolves to the requests that have started once there are `count` and no other comes for a while. */
  const afterStart = async (count: number) => {
    while (started.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 300));
    return started.length;
  };
  const close = () => {
    caller.close();
    held.forceShutdown();
  };
  return { stream, started, afterStart, close };
}

for (const [claim, large, most] of [
  ["32 requests", false, 32],
  ["16 MiB of requests", true, 6],
] as const)
  test(`a stream has ${claim} in progress, and reads the next when there is room`, async () => {
    const { stream, started, afterStart, close } = await heldStream(large);
    try {
      let responses = 0;
      const ended = new Promise((resolve) => stream.on("data", () => responses++).on("end", resolve));
      assert.is(await afterStart(most), most);
      started[0]!();
      assert.is(await afterStart(most + 1), most + 1);
      assert.is(responses, 1);
      const timer = setInterval(() => {
        for (const finish of started) finish();
      }, 5);
      await ended;
      clearInterval(timer);
      assert.is(responses, 60);
    } finally {
      close();
    }
  });

test("a stream goes on after more bytes than it may have in progress", async () => {
  const { stream, responses, ended } = openStream();
  const request = inference.ModelInferRequest.encode(pictures([[1, 2, 3]])).finish();
  // Field 100, which no version has, of a megabyte: readers skip it.
  const unknown = Buffer.concat([Buffer.of(0xa2, 6, 128, 128, 64), Buffer.alloc(1 << 20)]);
  for (let place = 0; place < 40; place++) stream.write(Buffer.concat([request, unknown]));
  stream.end();
  assert.is(await ended, "OK OK");
  assert.equal(
    responses.map(({ errorMessage }) => errorMessage),
    new Array(40).fill(""),
  );
});

test("a canceled stream ends", async () => {
  const { stream, ended } = openStream();
  stream.write(pictures([[1, 2, 3]]));
  stream.cancel();
  assert.match(await ended, /^CANCELLED/);
});

test("15,000,000 empty elements and 100,000 outputs are refused at once, while others are served", async () => {
  const floods: [Infer, RegExp][] = [
    [
      pictures([[1, 2, 3]], {
        inputs: [{ name: "image", datatype: "BYTES", shape: [15_000_000, 1] }],
        rawInputContents: [Buffer.alloc(60_000_000)],
      }),
      /\[15000000, 1\]; allowed in one request: 1 to 16 images/,
    ],
    [
      pictures([[1, 2, 3]], {
        inputs: [{ name: "image", datatype: "BYTES", shape: [1] }],
        rawInputContents: [Buffer.alloc(60_000_000)],
      }),
      /bytes follow after its 1 elements/,
    ],
    [pictures([[1, 2, 3]], { outputs: new Array(100_000).fill({ name: "logits" }) }), /more than 64 outputs/],
    [pictures([[1, 2, 3]], { modelName: "€".repeat(3000) }), /^NOT_FOUND .*no model "€€/],
  ];
  for (const [request, text] of floods) assert.match(await refusal(infer(request)), text);
  const name = "€".repeat(3000);
  const metadata = inference.ModelMetadataRequest.create({ name });
  assert.match(await refusal(call(INFERENCE_SERVICE.ModelMetadata, metadata)), /^NOT_FOUND/);
  const large = { ...ModelConfig, requestSerialize: () => Buffer.alloc(100_000) };
  assert.match(await refusal(call(large, {} as never)), /^INVALID_ARGUMENT protocol\/malformed/);
  assert.is((await infer(pictures([[1, 2, 3]]))).outputs.length, 1);
});

test("a server that stops ends a stream after the requests in progress", async () => {
  const { stream, responses, ended } = openStream();
  stream.write(pictures([[1, 2, 3]]));
  await new Promise((resolve) => stream.once("data", resolve));
  stream.write(pictures([[4, 5, 6]]));
  setTimeout(() => stopping.abort(), 100);
  assert.match(await ended, /^UNAVAILABLE network\/draining/);
  assert.is(responses.length, 2);
});

test.run();
