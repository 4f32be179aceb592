// REST: the Open Inference Protocol over HTTP as curl, Triton's client and a page speak it. The story of one server, top
// to bottom; every answer is validated by /openapi.json.

import { request as httpRequest } from "node:http";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import type { CallSubject } from "../../server/inference/contract.js";
import { createPageHandler } from "../../server/page/page-handler.js";
import { openPageModels } from "../../server/page/page-models.js";
import { colorModel, IMAGE_BYTES, meanColors, SIZE } from "../inference/color-model.js";
import { MAX_IMAGES, type RestServer, startRest, watchCalls } from "./rest-server.js";

let rest: RestServer;
const events: string[] = [];

test.before(async () => {
  rest = await startRest({
    corsOrigins: ["https://page.example"],
    metrics: async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", body: "up 1\n" }),
    calls: {
      arrived: ({ protocol, requestId, traceparent }) => ({
        requestId: requestId ?? "",
        answered: ({ model, version, images }: Required<CallSubject>) =>
          events.push(`${protocol} ${requestId} ${traceparent} ${model}/${version} ${images}`),
        failed: (error) =>
          events.push(`${protocol} ${requestId} ${error instanceof VitrineError ? error.code : error}`),
      }),
    },
  });
});
test.after(() => rest.close());

const post = (path: string, body: BodyInit | Buffer, headers: Record<string, string> = {}) =>
  rest.call(path, { method: "POST", body: body as BodyInit, headers });
const infer = (request: object, model = "colors") =>
  post(`/v2/models/${model}/infer`, JSON.stringify(request));

const pixels = (count: number) =>
  Uint8Array.from({ length: count * IMAGE_BYTES }, (_, place) => (place * 37) % 256);
const PICTURE = { name: "image", shape: [1], datatype: "BYTES", data: ["abc"] };

/** JSON and raw tensors behind it, as Triton's client sends them. */
function binaryBody(json: object, ...raw: Uint8Array[]): [body: Buffer, headers: Record<string, string>] {
  const header = Buffer.from(JSON.stringify(json));
  return [Buffer.concat([header, ...raw]), { "inference-header-content-length": String(header.length) }];
}

/** An answer's JSON and the bytes behind it. */
function splitAnswer({ bytes, headers }: { bytes: Buffer; headers: Headers }) {
  const length = Number(headers.get("inference-header-content-length"));
  return { json: JSON.parse(bytes.subarray(0, length).toString()), raw: bytes.subarray(length) };
}

const floatsOf = (raw: Buffer) =>
  new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));

test("the server and its model are live and ready, and describe themselves", async () => {
  assert.equal((await rest.call("/v2/health/live")).json, { live: true });
  assert.equal((await rest.call("/v2/health/ready")).json, { live: true, ready: true });
  const { json: server } = await rest.call("/v2");
  assert.equal([server.name, server.version], ["vitrine", "1.2.3"]);
  assert.ok(server.extensions.includes("binary_tensor_data"));
  const { json: model } = await rest.call("/v2/models/colors/versions/1");
  assert.equal(model.inputs, [{ name: "image", datatype: "BYTES", shape: [-1, 1] }]);
  assert.equal(JSON.parse(model.properties.labels), ["red", "green", "blue"]);
  assert.equal((await rest.call("/v2/models/colors%3Apixels")).json.inputs[0].shape, [-1, SIZE, SIZE, 3]);
  assert.equal((await rest.call("/v2/models/colors/ready")).json, { name: "colors", ready: true });
});

test("a model that is not here is not ready, and has no metadata", async () => {
  const ready = await rest.call("/v2/models/sounds/ready");
  assert.equal([ready.status, ready.json], [503, { name: "sounds", ready: false }]);
  const metadata = await rest.call("/v2/models/sounds");
  assert.is(metadata.status, 404);
  assert.match(metadata.json.error, /^protocol\/unknown-model: no model "sounds".*"colors"/);
});

test("pixels as JSON, flat and nested, have the logits of the same pixels as binary data", async () => {
  const data = pixels(2);
  const shape = [2, SIZE, SIZE, 3];
  const nested = [0, 1].map((image) =>
    Array.from({ length: SIZE }, (_, y) =>
      Array.from({ length: SIZE }, (_, x) => [
        ...data.subarray(image * IMAGE_BYTES + (y * SIZE + x) * 3).subarray(0, 3),
      ]),
    ),
  );
  const input = { name: "pixels", shape, datatype: "UINT8" };
  const flat = await infer({ id: "7", inputs: [{ ...input, data: [...data] }] });
  assert.equal(flat.json.id, "7");
  assert.equal(flat.json.outputs, [
    { name: "logits", datatype: "FP32", shape: [2, 3], data: [...meanColors(data, 2)] },
  ]);
  assert.equal((await infer({ inputs: [{ ...input, data: nested }] })).json.outputs, flat.json.outputs);
  const request = { inputs: [{ ...input, parameters: { binary_data_size: data.length } }] };
  const raw = await post("/v2/models/colors/infer", ...binaryBody(request, data));
  assert.equal(raw.json.outputs, flat.json.outputs);
});

test("normalized values are taken as JSON and as binary data, float32 and float16", async () => {
  const answers = await Promise.all([
    infer({
      inputs: [{ name: "pixel_values", shape: [1, 3, 2, 2], datatype: "FP32", data: Array(12).fill(0) }],
    }),
    infer({
      inputs: [{ name: "pixel_values", shape: [1, 3, 4, 4], datatype: "FP16", data: Array(48).fill(0) }],
    }),
  ]);
  assert.match(answers[0].json.error, /protocol\/tensor: .*\[1, 3, 2, 2\].*\[-1, 3, 4, 4\]/);
  assert.match(answers[1].json.error, /FP16" as JSON; allowed: BYTES, UINT8, FP32/);
});

test("outputs are binary where the request or the output says so, in the order of the request", async () => {
  const data = pixels(1);
  const input = { name: "pixels", shape: [1, SIZE, SIZE, 3], datatype: "UINT8" };
  const json = {
    parameters: { binary_data_output: true },
    inputs: [{ ...input, parameters: { binary_data_size: data.length } }],
    outputs: [
      { name: "logits" },
      { name: "labels", parameters: { binary_data: false } },
      { name: "probabilities" },
    ],
  };
  const answer = await post("/v2/models/colors/infer", ...binaryBody(json, data));
  assert.is(answer.headers.get("content-type"), "application/octet-stream");
  const { json: header, raw } = splitAnswer(answer);
  assert.equal(
    header.outputs.map((output: { parameters?: object }) => output.parameters),
    [{ binary_data_size: 12 }, undefined, { binary_data_size: 12 }],
  );
  assert.is(header.outputs[1].data.length, 3);
  assert.equal(floatsOf(raw.subarray(0, 12)), meanColors(data, 1));
  const sum = floatsOf(raw.subarray(12)).reduce((a, b) => a + b);
  assert.ok(Math.abs(sum - 1) < 1e-6);
});

test("a body without JSON is the contents of the only input, and is answered in binary", async () => {
  const raw = { "inference-header-content-length": "0" };
  const picture = splitAnswer(await post("/v2/models/colors/infer", Buffer.from([9, 8, 7]), raw));
  assert.equal(floatsOf(picture.raw), Float32Array.of(9, 8, 7));
  const two = splitAnswer(await post("/v2/models/colors:pixels/infer", pixels(2), raw));
  assert.equal(two.json.outputs[0].shape, [2, 3]);
  assert.equal(floatsOf(two.raw), meanColors(pixels(2), 2));
  const part = await post("/v2/models/colors:pixels/infer", pixels(2).subarray(1), raw);
  assert.match(part.json.error, /95 bytes are not a whole number of images of 48 bytes/);
});

test("pictures are strings of text or of base64, and labels come back as strings", async () => {
  const text = await infer({ inputs: [{ ...PICTURE, shape: [2], data: ["abc", '\t\n"'] }] });
  assert.equal(text.json.outputs[0].data, [97, 98, 99, 9, 10, 34]);
  const parameters = { content_type: "base64" };
  const base64 = await infer({
    inputs: [{ ...PICTURE, parameters, data: ["/wD+"] }],
    outputs: [{ name: "logits" }, { name: "probabilities", parameters: { classification: 2 } }],
  });
  assert.equal(base64.json.outputs[0].data, [255, 0, 254]);
  assert.match(base64.json.outputs[1].data[0], /^0\.731059:0:red$/);
});

test("a picture is classified by its body alone, whatever its content type, and several by multipart", async () => {
  const one = await post("/v2/models/colors/classify?top_k=2", Buffer.from([9, 8, 7]), {
    "content-type": "application/x-www-form-urlencoded",
  });
  assert.equal(
    one.json.predictions.map((scores: { label: string }[]) => scores.map(({ label }) => label)),
    [["red", "green"]],
  );
  const form = new FormData();
  form.append("a", new Blob([Uint8Array.of(1, 2, 3)]), "a.jpg");
  form.append("b", new Blob([Uint8Array.of(3, 2, 1)]), "b.jpg");
  const two = await post("/v2/models/colors/classify", form);
  assert.equal(
    two.json.predictions.map(([{ index }]: { index: number }[]) => index),
    [2, 0],
  );
});

test("wrong pictures are refused with the place of the first wrong one", async () => {
  const empty = await post("/v2/models/colors/classify", "");
  assert.equal([empty.status, /has no picture/.test(empty.json.error)], [400, true]);
  const broken = await post("/v2/models/colors/classify", "four");
  assert.match(broken.json.error, /^jpeg\/not-jpeg: input "image", element 0: not a JPEG/);
  const view = await post("/v2/models/colors:pixels/classify", "abc");
  assert.match(view.json.error, /takes pixels, not pictures; classify with "colors"/);
  for (const query of ["top_k=0", "top_k=x", "topk=3"]) {
    const wrong = await post(`/v2/models/colors/classify?${query}`, "abc");
    assert.match(wrong.json.error, /^protocol\/invalid-argument: query: /);
  }
  const form = new FormData();
  for (let part = 0; part <= MAX_IMAGES; part++) form.append("a", new Blob(["abc"]), "a");
  assert.match((await post("/v2/models/colors/classify", form)).json.error, /more than 8 files/);
});

test("compressed requests are expanded, and JSON answers compressed where the caller takes it", async () => {
  const body = JSON.stringify({ inputs: [PICTURE] });
  const packed: [string, Buffer][] = [
    ["gzip", gzipSync(body)],
    ["deflate", deflateSync(body)],
  ];
  for (const [encoding, bytes] of packed) {
    const answer = await post("/v2/models/colors/infer", bytes, { "content-encoding": encoding });
    assert.equal(answer.json.outputs[0].data, [97, 98, 99]);
  }
  const other = await post("/v2/models/colors/infer", body, { "content-encoding": "zstd" });
  assert.equal([other.status, /"zstd"; allowed.*gzip/.test(other.json.error)], [415, true]);
  const raw = (accepted: string) =>
    new Promise<[encoding: string | undefined, body: Buffer]>((resolve) => {
      const headers = { "accept-encoding": accepted };
      httpRequest(`${rest.url}/openapi.json`, { headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => resolve([response.headers["content-encoding"], Buffer.concat(chunks)]));
      }).end();
    });
  const [[, plain], [gzip, gzipped], [br, brotli]] = await Promise.all(
    ["identity", "gzip", "br, gzip"].map(raw),
  );
  assert.equal([gzip, br], ["gzip", "br"]);
  assert.equal(gunzipSync(gzipped), plain);
  assert.equal(brotliDecompressSync(brotli), plain);
});

test("other paths are 404, other methods 405 with what is allowed, and HEAD and OPTIONS work everywhere", async () => {
  const missing = await rest.call("/v3");
  assert.equal(
    [missing.status, missing.json.error],
    [404, 'protocol/not-found: no GET "/v3"; see /openapi.json for what there is'],
  );
  const wrong = await rest.call("/v2/models/colors/infer");
  assert.equal([wrong.status, wrong.headers.get("allow")], [405, "POST, OPTIONS"]);
  const head = await rest.call("/v2", { method: "HEAD" });
  assert.equal([head.status, head.bytes.length], [200, 0]);
  assert.is((await rest.call("/v2", { method: "OPTIONS" })).status, 204);
});

test("ids of requests are echoed, or made where a log could not hold them", async () => {
  const echoed = await rest.call("/v2", { headers: { "x-request-id": "build-7/a" } });
  assert.is(echoed.headers.get("x-request-id"), "build-7/a");
  for (const id of ["", "a b", "x".repeat(200)]) {
    const made = (await rest.call("/v2", { headers: { "x-request-id": id } })).headers.get("x-request-id");
    assert.match(made ?? "", /^[\w-]{36}$/);
  }
});

test("each inference is reported with its model and images, or its error", async () => {
  events.length = 0;
  const headers = { "x-request-id": "q", traceparent: "00-1-2-01" };
  await post(
    "/v2/models/colors:pixels/infer",
    ...((): [Buffer, Record<string, string>] => {
      const [body, more] = binaryBody(
        {
          inputs: [
            { name: "pixels", shape: [2, 4, 4, 3], datatype: "UINT8", parameters: { binary_data_size: 96 } },
          ],
        },
        pixels(2),
      );
      return [body, { ...more, ...headers }];
    })(),
  );
  await post("/v2/models/colors/classify", "abc", headers);
  await post("/v2/models/colors/infer", "{}", headers);
  await post("/v2/models/sounds/infer", "{}", headers);
  assert.equal(events, [
    "http q 00-1-2-01 colors/1 2",
    "http q 00-1-2-01 colors/1 1",
    "http q protocol/invalid-argument",
    "http q protocol/unknown-model",
  ]);
});

test("metrics are Prometheus's text", async () => {
  const { headers, bytes } = await rest.call("/metrics");
  assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.is(bytes.toString(), "up 1\n");
});

test("configuration and statistics are Triton's", async () => {
  const { json: config } = await rest.call("/v2/models/colors:pixels/config");
  assert.equal([config.name, config.max_batch_size], ["colors:pixels", MAX_IMAGES]);
  assert.equal(config.input, [
    { name: "pixels", data_type: "TYPE_UINT8", format: "FORMAT_NHWC", dims: [SIZE, SIZE, 3] },
  ]);
  const { json: before } = await rest.call("/v2/models/colors/versions/1/stats");
  await post("/v2/models/colors/classify", "abc");
  const { json: after } = await rest.call("/v2/models/stats");
  assert.is(after.model_stats[0].inference_count, before.model_stats[0].inference_count + 1);
});

test("the repository lists its models; a server without model control refuses to load", async () => {
  const all = [{ name: "colors", version: "1", state: "READY", reason: "" }];
  assert.equal((await post("/v2/repository/index", "")).json, all);
  assert.equal((await post("/v2/repository/index", '{"ready": true}')).json, all);
  const wrong = await post("/v2/repository/index", '{"reddy": true}');
  assert.match(wrong.json.error, /^protocol\/invalid-argument: .*"reddy"/);
  const load = await post("/v2/repository/models/colors/load", "");
  assert.equal([load.status, /^protocol\/model-control/.test(load.json.error)], [409, true]);
  const config = await post("/v2/repository/models/colors/load", '{"parameters": {"config": "{}"}}');
  assert.match(config.json.error, /^protocol\/unimplemented: parameter "config"/);
});

test("pages of allowed origins may call and read gRPC's headers; others are refused before anything runs", async () => {
  const preflight = await rest.call("/v2/models/colors/infer", {
    method: "OPTIONS",
    headers: { origin: "https://page.example", "access-control-request-method": "POST" },
  });
  assert.is(preflight.headers.get("access-control-allow-origin"), "https://page.example");
  const allowed = await post("/v2/repository/index", "", { origin: "https://page.example" });
  assert.match(allowed.headers.get("access-control-expose-headers") ?? "", /grpc-status/);
  const own = await post("/v2/repository/index", "", { origin: rest.url });
  assert.equal([allowed.status, own.status], [200, 200]);
  const foreign = await post("/v2/repository/models/colors/unload", "", { origin: "https://evil.example" });
  assert.equal([foreign.status, /^network\/forbidden/.test(foreign.json.error)], [403, true]);
  assert.is(foreign.headers.get("access-control-allow-origin"), null);
});

test("a name that DNS points at this machine makes no page of this server", async () => {
  const { port } = new URL(rest.url);
  const status = (host: string) =>
    new Promise((resolve) => {
      const headers = { host, origin: `http://${host}` };
      const options = { port, path: "/v2/repository/index", method: "POST", headers };
      httpRequest(options, (response) => resolve(response.resume().statusCode)).end();
    });
  assert.is(await status(`localhost:${port}`), 200);
  assert.is(await status(`rebound.example:${port}`), 403);
});

test("nor does it read what GET answers: a server of this machine alone answers to names of this machine", async () => {
  const { port } = new URL(rest.url);
  const get = (host: string, path = "/v2/models/colors") =>
    new Promise<string>((resolve) => {
      httpRequest({ port, path, headers: { host } }, (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve(`${response.statusCode} ${text}`));
      }).end();
    });
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, "127.0.0.1", `[::1]:${port}`])
    assert.match(await get(host), /^200 .*colors/, host);
  assert.match(await get("page.example"), /^200 /, "the host of an allowed origin");
  for (const path of ["/v2/models/colors", "/metrics", "/openapi.json", "/nothing"])
    assert.match(
      await get(`rebound.example:${port}`, path),
      /^403 .*network\/forbidden: Host \\"rebound/,
      path,
    );
});

test("every route is described, with its parameters and bodies", async () => {
  const { json } = await rest.call("/openapi.json");
  assert.is(json.openapi, "3.1.0");
  const paths = Object.keys(json.paths);
  for (const path of [
    "/v2",
    "/v2/models/{model}/versions/{version}/infer",
    "/grpc.health.v1.Health/Watch",
    "/metrics",
  ])
    assert.ok(paths.includes(path), path);
  for (const [path, operations] of Object.entries<Record<string, { parameters: { name: string }[] }>>(
    json.paths,
  )) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const [method, { parameters }] of Object.entries(operations)) {
      assert.equal(
        parameters.map(({ name }) => name).filter((name) => named.includes(name)),
        named,
      );
      // A route that is described is there: other methods of it are refused, not unknown.
      const url = rest.url + path.replaceAll(/\{\w+\}/g, "x");
      assert.is((await fetch(url, { method: "DELETE" })).status, 405, `${method} ${path}`);
    }
  }
});

test("the page is served where no route is, with its own headers, and what it does not have is 404", async () => {
  const facts = { name: "colors", dtype: "float32", parameters: 3, imageSize: 2, classes: 3 } as const;
  const { files } = await openPageModels([{ ...facts, weights: Uint8Array.of(1, 2, 3), config: "{}" }]);
  const page = createPageHandler(fileURLToPath(new URL("../../app", import.meta.url)), files);
  const withPage = await startRest({ page });
  const get = async (path: string) => {
    const response = await fetch(withPage.url + path);
    const { status, headers } = response;
    return { status, headers, text: await response.text() };
  };
  const index = await get("/");
  assert.match(index.text, /<!doctype html>/i);
  assert.is(index.headers.get("cross-origin-embedder-policy"), "require-corp");
  assert.equal(JSON.parse((await get("/models.json")).text).models[0].bytes, 3);
  const worker = /assets\/[\w-]+\.js/.exec(index.text)?.[0];
  assert.match((await get(`/${worker}`)).headers.get("content-type") ?? "", /^text\/javascript/);
  assert.is((await withPage.call("/v2")).json.name, "vitrine");
  const missing = await get("/nothing");
  assert.equal([missing.status, /^\{"error":"protocol\/not-found/.test(missing.text)], [404, true]);
  await withPage.close();
});

test("callers need the token of a route's scope, and a full queue says when to try again", async () => {
  const guarded = await startRest(
    {
      metrics: async () => ({ contentType: "text/plain", body: "up 1\n" }),
      access: {
        require: (scope, authorization) => {
          if (scope !== "open" && authorization !== `Bearer ${scope}`)
            throw new VitrineError("network/unauthenticated", "the server asks for a token");
          return authorization ?? "";
        },
      },
    },
    {
      ...colorModel(),
      submit: async () => {
        throw new VitrineError("network/queue-full", "full", { details: { retryAfterMs: 1500 } });
      },
    },
  );
  const status = async (path: string, token: string, method = "POST") =>
    (await guarded.call(path, { method, headers: { authorization: `Bearer ${token}` } })).status;
  assert.is(await status("/v2/health/live", "", "GET"), 200);
  assert.is(await status("/v2/models/colors", "", "GET"), 401);
  assert.is(await status("/v2/models/colors", "infer", "GET"), 200);
  assert.is(await status("/metrics", "", "GET"), 401);
  assert.is(await status("/metrics", "infer", "GET"), 200);
  assert.is(await status("/v2/repository/models/colors/load", "infer"), 401);
  assert.is(await status("/v2/repository/models/colors/load", "admin"), 409);
  assert.is(await status("/unknown", "", "GET"), 401);
  const full = await guarded.call("/v2/models/colors/classify", {
    method: "POST",
    body: "abc",
    headers: { authorization: "Bearer infer" },
  });
  assert.equal([full.status, full.headers.get("retry-after")], [503, "2"]);
  await guarded.close();
});

test("draining lets requests in progress end, closes their connections, and counts those that are cut off", async () => {
  const first = watchCalls(1);
  const slow = await startRest({ calls: first.calls }, colorModel(300));
  const answer = slow.call("/v2/models/colors/classify", { method: "POST", body: "abc" });
  await first.arrived;
  assert.is(await slow.server.drain(5000), 0);
  const { status, headers } = await answer;
  assert.equal([status, headers.get("connection")], [200, "close"]);
  const second = watchCalls(1);
  const stuck = await startRest({ calls: second.calls }, colorModel(3000));
  const cut = stuck.call("/v2/models/colors/classify", { method: "POST", body: "abc" }).catch(() => "cut");
  await second.arrived;
  assert.is(await stuck.server.drain(50), 1);
  assert.is(await cut, "cut");
});

test.run();
