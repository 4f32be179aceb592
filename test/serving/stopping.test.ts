// Stopping: calls in progress are answered, calls that come meanwhile are answered here or elsewhere, and what is cut
// off is counted.

import { setTimeout as delay } from "node:timers/promises";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { type InferenceServer, startInferenceServer } from "../../server/inference/inference-server.js";
import { colorModel, IMAGE_BYTES, SIZE } from "../inference/color-model.js";

/** What a test has opened: a failed one would keep the process alive. */
const opened: { close(): unknown }[] = [];

test.after.each(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

async function serve(
  delayMs: number,
  { lameDuckMs = 0, graceMs = 20_000, listen = "127.0.0.1:0", model = colorModel(delayMs) } = {},
): Promise<InferenceServer> {
  const limits = { maxQueue: 1_000 };
  const server = await startInferenceServer({
    models: [model],
    listen,
    version: "1",
    lameDuckMs,
    graceMs,
    limits,
  });
  opened.push({ close: () => server.drain() });
  return server;
}

const REQUEST = new inference.ModelInferRequest({
  modelName: "colors",
  inputs: [{ name: "pixels", datatype: "UINT8", shape: [1, SIZE, SIZE, 3] }],
  rawInputContents: [new Uint8Array(IMAGE_BYTES).fill(7)],
});

const { ModelInfer } = INFERENCE_SERVICE;

/** `OK`, or the name of the status with its text. */
function infer(client: Client): Promise<string> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      ModelInfer.path,
      ModelInfer.requestSerialize,
      ModelInfer.responseDeserialize,
      REQUEST,
      new Metadata(),
      { deadline: Date.now() + 20_000 },
      (error: ServiceError | null) => resolve(error ? `${status[error.code]} ${error.details}` : "OK"),
    );
  });
}

function connect(address: string, options = {}): Client {
  const client = new Client(address, credentials.createInsecure(), options);
  opened.push(client);
  return client;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 4_000) assert.unreachable(`never: ${what}`);
    await delay(5);
  }
}

test("200 calls in flight when the server stops: all are answered", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const colors = colorModel(1);
  const model: typeof colors = {
    ...colors,
    submit: async (pixels, count) => {
      await released;
      return colors.submit(pixels, count);
    },
  };
  const server = await serve(0, { model });
  const clients = Array.from({ length: 5 }, () =>
    connect(server.address, { "grpc.use_local_subchannel_pool": 1 }),
  );
  const calls = Array.from({ length: 200 }, (_, place) => infer(clients[place % 5]!));
  await until(() => server.inProgress() === 200, "all calls are in progress");
  const drained = server.drain();
  release();
  const outcomes = await Promise.all(calls);
  const { cutOff } = await drained;
  assert.equal([...new Set(outcomes)], ["OK"]);
  assert.is(cutOff, 0);
});

test("what does not end within the grace is cut off, and counted", async () => {
  const model = { ...colorModel(), submit: () => new Promise<never>(() => {}) };
  const server = await serve(0, { graceMs: 300, model });
  const client = connect(server.address);
  const calls = Array.from({ length: 7 }, () => infer(client));
  await until(() => server.inProgress() === 7, "all calls are in progress");
  assert.equal(await server.drain(), { cutOff: 7 });
  for (const outcome of await Promise.all(calls)) assert.match(outcome, /^(UNAVAILABLE|CANCELLED|INTERNAL) /);
});

test("two servers that are replaced in turn lose no call of a client that has both addresses", async () => {
  let [a, b] = await Promise.all([serve(5, { lameDuckMs: 300 }), serve(5, { lameDuckMs: 300 })]);
  const ports = [a.address, b.address];
  const client = connect(`ipv4:${ports.join(",")}`, {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.initial_reconnect_backoff_ms": 100,
  });
  const outcomes: string[] = [];
  let running = true;
  const loops = Array.from({ length: 16 }, async () => {
    while (running) outcomes.push(await infer(client));
  });
  await delay(200);
  await a.drain();
  a = await serve(5, { listen: ports[0]! });
  await until(() => a.inProgress() > 0, "the client calls the first one again");
  const before = outcomes.length;
  await b.drain();
  b = await serve(5, { listen: ports[1]! });
  await delay(300);
  running = false;
  await Promise.all(loops);
  assert.equal([...new Set(outcomes)], ["OK"]);
  assert.ok(
    outcomes.length > before + 20,
    `${outcomes.length} calls, ${before} of them before the second went`,
  );
});

test("without lame-duck time, a client with another address loses no call either", async () => {
  const [a, b] = await Promise.all([serve(5), serve(5)]);
  const client = connect(`ipv4:${a.address},${b.address}`);
  const outcomes: string[] = [];
  let running = true;
  const loops = Array.from({ length: 8 }, async () => {
    while (running) outcomes.push(await infer(client));
  });
  await delay(200);
  await a.drain();
  await delay(200);
  running = false;
  await Promise.all(loops);
  assert.equal([...new Set(outcomes)], ["OK"]);
});

test.run();
