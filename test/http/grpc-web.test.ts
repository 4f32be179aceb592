// gRPC-Web: the gRPC services over HTTP/1.1, as a page calls them: the same messages, statuses and errors.

import { Metadata, status } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { grpc } from "../../proto/generated/health.js";
import { inference } from "../../proto/generated/inference.js";
import { HEALTH_SERVICE, INFERENCE_SERVICE, ServingStatus } from "../../proto/services.js";
import { decodeTensors } from "../../proto/tensor-codec.js";
import { fromStatus } from "../../proto/wire-error.js";
import { callGrpcWeb, frame } from "./grpc-web-client.js";
import { type RestServer, startRest } from "./rest-server.js";

const { ModelInferRequest, ModelMetadataRequest, ServerLiveRequest } = inference;
const { HealthCheckRequest } = grpc.health.v1;

let rest: RestServer;
test.before(async () => {
  rest = await startRest({ corsOrigins: ["*"] });
});
test.after(() => rest.close());

const inferRequest = (fields: object = {}) =>
  new ModelInferRequest({
    modelName: "colors",
    id: "seven",
    inputs: [{ name: "image", datatype: "BYTES", shape: [1] }],
    rawInputContents: [Uint8Array.of(3, 0, 0, 0, 9, 8, 7)],
    ...fields,
  });

for (const text of [false, true]) {
  const form = text ? "in base64" : "in binary";
  test(`unary calls answer ${form} as over gRPC`, async () => {
    const { messages, trailers, headers } = await callGrpcWeb(
      rest.url,
      INFERENCE_SERVICE.ModelInfer,
      [inferRequest()],
      { text },
    );
    assert.is(headers.get("content-type"), `application/grpc-web${text ? "-text" : ""}+proto`);
    assert.equal(trailers, { "grpc-status": "0" });
    const [{ id, outputs, rawOutputContents }] = messages;
    assert.is(id, "seven");
    assert.equal(decodeTensors(outputs, rawOutputContents).tensors[0].data, Float32Array.of(9, 8, 7));
  });

  test(`errors leave ${form} with status, text and record`, async () => {
    const { messages, trailers } = await callGrpcWeb(
      rest.url,
      INFERENCE_SERVICE.ModelMetadata,
      [new ModelMetadataRequest({ name: "sounds €" })],
      { text },
    );
    assert.is(messages.length, 0);
    assert.is(trailers["grpc-status"], String(status.NOT_FOUND));
    assert.match(trailers["grpc-message"], /^protocol\/unknown-model: no model "sounds €"/);
    const metadata = new Metadata();
    metadata.set("vitrine-error-bin", Buffer.from(trailers["vitrine-error-bin"], "base64"));
    assert.is(fromStatus({ metadata })?.code, "protocol/unknown-model");
  });

  test(`a watch of the health service is notified ${form} of each change, until the caller leaves`, async () => {
    const seen: (number | undefined)[] = [];
    const leave = new AbortController();
    const ended = callGrpcWeb(
      rest.url,
      HEALTH_SERVICE.Watch,
      [new HealthCheckRequest({ service: "colors" })],
      {
        text,
        signal: leave.signal,
        onMessage: (message) => {
          seen.push((message as { status?: number }).status);
          if (seen.length === 3) leave.abort();
          else rest.health.setServing(seen.length === 2);
        },
      },
    ).catch(() => "left");
    assert.is(await ended, "left");
    assert.equal(seen, [ServingStatus.SERVING, ServingStatus.NOT_SERVING, ServingStatus.SERVING]);
  });
}

test("a stream of requests in one body is answered request by request, with errors in their place", async () => {
  const requests = ["a", "b", "c"].map((id) =>
    inferRequest({ id, ...(id === "b" && { outputs: [{ name: "sounds" }] }) }),
  );
  const { messages, trailers } = await callGrpcWeb(rest.url, INFERENCE_SERVICE.ModelStreamInfer, requests);
  assert.is(trailers["grpc-status"], "0");
  assert.equal(
    messages.map(({ inferResponse, errorMessage }) => [
      inferResponse?.id,
      /no output "sounds"/.test(errorMessage),
    ]),
    [
      ["a", false],
      ["b", true],
      ["c", false],
    ],
  );
});

test("a deadline that has passed is DEADLINE_EXCEEDED, and one that is no time is refused", async () => {
  const slow = await callGrpcWeb(rest.url, INFERENCE_SERVICE.ModelInfer, [inferRequest()], {
    headers: { "grpc-timeout": "1n" },
  });
  assert.is(slow.trailers["grpc-status"], String(status.DEADLINE_EXCEEDED));
  const wrong = await callGrpcWeb(rest.url, INFERENCE_SERVICE.ModelInfer, [inferRequest()], {
    headers: { "grpc-timeout": "soon" },
  });
  assert.match(wrong.trailers["grpc-message"], /grpc-timeout is "soon"; allowed/);
});

const BROKEN: [claim: string, body: Buffer, code: status, text: RegExp][] = [
  ["an empty body", Buffer.alloc(0), status.INVALID_ARGUMENT, /has no message/],
  ["half a header", Buffer.alloc(3), status.INVALID_ARGUMENT, /ends inside the header of frame 0/],
  [
    "a frame that is longer than the body",
    Buffer.from([0, 255, 255, 255, 255, 1]),
    status.INVALID_ARGUMENT,
    /has a frame of 4294967295 bytes and 1 bytes for it/,
  ],
  [
    "two messages of a unary call",
    Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.alloc(0))]),
    status.INVALID_ARGUMENT,
    /more than 1 messages/,
  ],
  ["a compressed message", frame(Buffer.alloc(1), 1), status.UNIMPLEMENTED, /compressed messages/],
  ["trailers in a request", frame(Buffer.alloc(1), 0x80), status.INVALID_ARGUMENT, /flag 128; allowed: 0/],
  [
    "bytes that are no message",
    frame(Buffer.from([0x0a, 0xff, 0xff, 0x03, 1])),
    status.INVALID_ARGUMENT,
    /protocol\/malformed: /,
  ],
];

for (const [claim, body, code, text] of BROKEN) {
  test(`refused: ${claim}`, async () => {
    const { trailers } = await callGrpcWeb(rest.url, INFERENCE_SERVICE.ModelInfer, body);
    assert.is(trailers["grpc-status"], String(code), trailers["grpc-message"]);
    assert.match(trailers["grpc-message"], text);
  });
}

test("text that is not base64 is refused", async () => {
  const response = await fetch(rest.url + INFERENCE_SERVICE.ServerLive.path, {
    method: "POST",
    headers: { "content-type": "application/grpc-web-text" },
    body: "!!!!",
  });
  const trailers = Buffer.from(await response.text(), "base64").toString();
  assert.match(decodeURIComponent(trailers), /is not base64/);
});

test("a method that is not here is UNIMPLEMENTED, and another content type 415", async () => {
  const method = { ...INFERENCE_SERVICE.ServerLive, path: "/inference.GRPCInferenceService/ServerDead" };
  const { trailers } = await callGrpcWeb(rest.url, method, [new ServerLiveRequest()]);
  assert.is(trailers["grpc-status"], String(status.UNIMPLEMENTED));
  const json = await rest.call(INFERENCE_SERVICE.ServerLive.path, {
    method: "POST",
    headers: { "content-type": "application/grpc+proto" },
    body: "",
  });
  assert.equal([json.status, /allowed: application\/grpc-web\+proto/.test(json.json.error)], [415, true]);
});

test("pages of any origin may call and read status and ids", async () => {
  const { headers } = await callGrpcWeb(rest.url, INFERENCE_SERVICE.ServerLive, [new ServerLiveRequest()], {
    headers: { origin: "https://page.example", "x-request-id": "q" },
  });
  assert.is(headers.get("access-control-allow-origin"), "*");
  assert.match(headers.get("access-control-expose-headers") ?? "", /grpc-message/);
  assert.is(headers.get("x-request-id"), "q");
});

test.run();
