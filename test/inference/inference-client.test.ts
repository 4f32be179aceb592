// Inference client: pictures in, named classes out; deadlines, cancellation, health and a server that drains.

import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectInference } from "../../client/node/inference-client.js";
import { grpc } from "../../proto/generated/health.js";
import { HEALTH_SERVICE, ServingStatus } from "../../proto/services.js";
import { isVitrineError } from "../../runtime/errors.js";
import { startInferenceServer } from "../../server/inference/inference-server.js";
import { colorModel } from "./color-model.js";

const { HealthCheckRequest } = grpc.health.v1;
const serve = (delayMs = 0, options = {}, lameDuckMs = 0) =>
  startInferenceServer({
    models: [colorModel(delayMs)],
    listen: "127.0.0.1:0",
    version: "1",
    limits: options,
    lameDuckMs,
  });

async function failure(promise: Promise<unknown>): Promise<{ code: string; text: string }> {
  try {
    await promise;
  } catch (error) {
    if (!isVitrineError(error)) throw error;
    return { code: error.code, text: error.message };
  }
  return assert.unreachable("nothing failed") as never;
}

const RED = Uint8Array.of(3, 1, 2);
const BLUE = Uint8Array.of(0, 2, 9);

test("pictures are answered with labels and probabilities, best first", async () => {
  const server = await serve();
  const client = connectInference(server.address);
  try {
    assert.is(await client.ready(), true);
    assert.equal((await client.metadata()).labels, ["red", "green", "blue"]);
    const [first, second] = await client.classify([RED, BLUE], { topK: 2 });
    assert.equal(
      first?.map(({ label, index }) => [label, index]),
      [
        ["red", 0],
        ["blue", 2],
      ],
    );
    assert.is(second?.[0]?.label, "blue");
    const sum = Math.E ** 0 + Math.E ** -1 + Math.E ** -2;
    assert.ok(Math.abs(first![0]!.probability - 1 / sum) < 1e-6);
    assert.equal(await client.classify([]), []);
  } finally {
    client.close();
    await server.drain();
  }
});

test("outputs, their classification, labels, views and versions are asked for by options", async () => {
  const server = await serve();
  const client = connectInference(server.address, { model: "colors:pixels", version: "1" });
  const unknown = connectInference(server.address, { version: "9" });
  try {
    const data = Uint8Array.from(
      { length: 2 * 48 },
      (_, place) => [9, 5, 1][place % 3]! * (place < 48 ? 1 : 2),
    );
    const pixels = { name: "pixels", datatype: "UINT8" as const, shape: [2, 4, 4, 3], data };
    const outputs = await client.infer([pixels], {
      outputs: [{ name: "logits", classification: 2 }, "probabilities"],
      priority: 1,
    });
    const texts = (outputs.get("logits")!.data as Uint8Array[]).map((text) => new TextDecoder().decode(text));
    assert.equal(texts, ["9.000000:0:red", "5.000000:1:green", "18.000000:0:red", "10.000000:1:green"]);
    assert.is(outputs.get("probabilities")?.datatype, "FP32");
    const best = await client.infer([pixels], { topK: 1 });
    assert.equal([...best.keys()], ["labels", "label_indices", "label_probabilities"]);
    assert.equal(best.get("label_indices")?.data, Int32Array.of(0, 0));
    assert.is((await failure(unknown.metadata())).code, "protocol/unknown-model");
  } finally {
    client.close();
    unknown.close();
    await server.drain();
  }
});

test("the server's own errors arrive with their code and text", async () => {
  const server = await serve();
  const client = connectInference(server.address);
  const wrongModel = connectInference(server.address, { model: "sounds" });
  try {
    const broken = await failure(client.classify([RED, Uint8Array.of(1)]));
    assert.is(broken.code, "jpeg/not-jpeg");
    assert.match(broken.text, /element 1/);
    assert.is((await failure(wrongModel.classify([RED]))).code, "protocol/unknown-model");
  } finally {
    client.close();
    wrongModel.close();
    await server.drain();
  }
});

test("a deadline and a cancellation end the call without running the model", async () => {
  const server = await serve(300, { maxBatch: 1 });
  const client = connectInference(server.address);
  try {
    const running = client.classify([RED]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.is((await failure(client.classify([RED], { deadlineMs: 60 }))).code, "network/deadline");
    const controller = new AbortController();
    const canceled = failure(client.classify([RED], { signal: controller.signal }));
    setTimeout(() => controller.abort(), 20);
    assert.is((await canceled).code, "network/canceled");
    const start = performance.now();
    await running;
    await client.classify([BLUE]);
    assert.ok(performance.now() - start < 900, "the two dead requests did not run");
  } finally {
    client.close();
    await server.drain();
  }
});

test("a full queue answers network/queue-full", async () => {
  const server = await serve(100, { maxBatch: 1, maxQueue: 2 });
  const client = connectInference(server.address);
  try {
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () =>
        client.classify([RED]).then(
          () => "answered",
          (error) => error.code as string,
        ),
      ),
    );
    assert.ok(outcomes.includes("network/queue-full"), outcomes.join());
    assert.ok(outcomes.filter((outcome) => outcome === "answered").length >= 2, outcomes.join());
  } finally {
    client.close();
    await server.drain();
  }
});

test("no server at the address is one clear error", async () => {
  const client = connectInference("127.0.0.1:9", { deadlineMs: 5_000 });
  const { code, text } = await failure(client.classify([RED]));
  client.close();
  assert.is(code, "network/unavailable");
  assert.match(text, /127\.0\.0\.1:9.*vitrine serve/);
});

test("draining: watchers are notified of NOT_SERVING, calls of the lame-duck time are served, later ones find no server", async () => {
  const server = await serve(400, {}, 1_000);
  const client = connectInference(server.address);
  const health = new Client(server.address, credentials.createInsecure());
  const { Watch, Check } = HEALTH_SERVICE;
  const heard: number[] = [];
  const request = HealthCheckRequest.create({ service: "colors" });
  const watch = health.makeServerStreamRequest(
    Watch.path,
    Watch.requestSerialize,
    Watch.responseDeserialize,
    request,
  );
  const watched = new Promise<void>((resolve, reject) => {
    watch.on("data", (response: grpc.health.v1.HealthCheckResponse) => heard.push(response.status));
    watch.on("end", resolve);
    watch.on("error", reject);
  });
  const check = () =>
    new Promise<number>((resolve, reject) =>
      health.makeUnaryRequest(
        Check.path,
        Check.requestSerialize,
        Check.responseDeserialize,
        request,
        new Metadata(),
        {},
        (error, response) => (error ? reject(error) : resolve(response?.status ?? -1)),
      ),
    );
  assert.is(await check(), ServingStatus.SERVING);
  const running = client.classify([RED]);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const drained = server.drain();
  assert.is(await check(), ServingStatus.NOT_SERVING, "the port still answers");
  assert.is(await client.ready(), false);
  assert.is((await client.classify([BLUE]))[0]?.[0]?.label, "blue");
  assert.is((await running)[0]?.[0]?.label, "red");
  await watched;
  assert.equal(await drained, { cutOff: 0 });
  assert.equal(heard, [ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  assert.is((await failure(client.classify([BLUE]))).code, "network/unavailable");
  client.close();
  health.close();
});

test.run();
