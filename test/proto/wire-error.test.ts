// Wire error: one table of statuses for both services, errors rebuilt on arrival, texts cut to what trailers hold.

import { Metadata, status } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { errorOfStatus, fromStatus, type Service, statusOf, toStatus } from "../../proto/wire-error.js";
import {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  escapeControls,
  VitrineError,
} from "../../runtime/errors.js";

const failure = (code: ErrorCode, message = "text", details?: ErrorDetails) =>
  new VitrineError(code, message, { details });

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

for (const [code, expected] of [
  ["usage/recipe", status.INVALID_ARGUMENT],
  ["protocol/credit-too-small", status.INVALID_ARGUMENT],
  ["protocol/unknown-model", status.NOT_FOUND],
  ["protocol/message-size", status.RESOURCE_EXHAUSTED],
  ["network/queue-full", status.RESOURCE_EXHAUSTED],
  ["network/deadline", status.DEADLINE_EXCEEDED],
  ["network/canceled", status.CANCELLED],
  ["network/draining", status.UNAVAILABLE],
  ["network/server-stopping", status.UNAVAILABLE],
  ["device/lost", status.UNAVAILABLE],
  ["device/memory", status.INTERNAL],
  ["data/fingerprint-changed", status.FAILED_PRECONDITION],
  ["data/too-few-samples", status.INVALID_ARGUMENT],
  ["data/worker-died", status.INTERNAL],
  ["internal/unexpected", status.INTERNAL],
] as [ErrorCode, status][]) {
  test(`${code} is ${status[expected]} in both services`, () => {
    for (const service of ["data", "inference"] as Service[])
      assert.is(statusOf(failure(code), service), expected, service);
  });
}

test("a bad picture is the caller's fault in an inference, and data loss on a data server", () => {
  for (const code of ["jpeg/truncated", "image/out-of-memory"] as const) {
    assert.is(statusOf(failure(code), "inference"), status.INVALID_ARGUMENT);
    assert.is(statusOf(failure(code), "data"), status.DATA_LOSS);
  }
  assert.is(statusOf(failure("file/unreadable"), "inference"), status.INTERNAL);
  assert.is(statusOf(failure("file/unreadable"), "data"), status.DATA_LOSS);
});

test("the services differ only in the namespaces of files", () => {
  const differing = CODES.filter(
    (code) => statusOf(failure(code), "data") !== statusOf(failure(code), "inference"),
  );
  assert.equal([...new Set(differing.map((code) => code.split("/")[0]))], ["file", "jpeg", "image"]);
});

test("an error without a code of ours, and a code of another version, are INTERNAL", () => {
  const later = failure("later/unknown" as ErrorCode);
  for (const service of ["data", "inference"] as Service[]) {
    assert.is(statusOf(new TypeError("x is undefined"), service), status.INTERNAL);
    assert.is(statusOf(later, service), status.INTERNAL);
  }
});

test("an error of ours is rebuilt from its status, a foreign one is not invented", () => {
  const error = failure("jpeg/truncated", "Löwe/猫.jpg: ends early", { file: "Löwe/猫.jpg", offset: 12 });
  const sent = toStatus(error, "data");
  assert.is(sent.details, `jpeg/truncated: ${error.message}`);
  const rebuilt = fromStatus({ metadata: sent.metadata });
  assert.is(rebuilt?.code, error.code);
  assert.is(rebuilt?.message, error.message);
  assert.equal(rebuilt?.details, error.details);
  assert.is(fromStatus({ metadata: new Metadata() }), null);
  assert.is(fromStatus({}), null);
});

/** Bytes of a header list, as HTTP/2 counts it: name, value and 32 for each. */
function trailerBytes({ details, metadata }: ReturnType<typeof toStatus>): number {
  const headers: [string, string][] = [
    ["grpc-status", "13"],
    ["grpc-message", encodeURI(details)],
    ["content-type", "application/grpc+proto"],
    [":status", "200"],
    ["date", new Date(0).toUTCString()],
    ...Object.entries(metadata.toHttp2Headers()).map(([name, value]): [string, string] => [name, `${value}`]),
  ];
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
}

for (const [script, character] of [
  ["ASCII", "a"],
  ["two-byte", "é"],
  ["three-byte", "猫"],
  ["four-byte", "🦁"],
  ["escaped in JSON", '"'],
  ["control", "\u0001"],
]) {
  test(`trailers stay below 8 KiB with a long message of ${script} characters`, () => {
    for (const length of [100, 900, 2_001, 100_000]) {
      const message = `start ${character.repeat(length)}`;
      const sent = toStatus(failure("file/unreadable", message), "data");
      assert.ok(trailerBytes(sent) <= 8192, `${length}: ${trailerBytes(sent)}`);
      const rebuilt = fromStatus(sent)?.message ?? "";
      const escaped = escapeControls(message);
      assert.is(sent.details, `file/unreadable: ${rebuilt}`);
      if (length === 100) assert.is(rebuilt, escaped);
      else if (rebuilt !== escaped) {
        assert.ok(rebuilt.endsWith("…") && escaped.startsWith(rebuilt.slice(0, -1)), rebuilt);
        assert.ok(trailerBytes(sent) > 7000, "no more is cut than needed");
      }
    }
  });
}

test("details as large as the message are cut or dropped, and the message survives", () => {
  const details = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`name${i}`, "猫".repeat(1000)]));
  const sent = toStatus(failure("file/unreadable", "short", details), "data");
  assert.ok(trailerBytes(sent) <= 8192);
  assert.match(sent.details, /file\/unreadable: short/);
  const one = toStatus(failure("file/unreadable", "short", { file: "猫".repeat(10_000) }), "data");
  assert.is(fromStatus(one)?.message, "short");
  assert.is(fromStatus(one)?.details.file, "猫".repeat(200));
  const path = toStatus(failure("file/unreadable", "short", { file: "猫".repeat(1000) }), "data");
  assert.is(fromStatus(path)?.details.file, "猫".repeat(1000), "what fits is not cut");
});

test("half of a surrogate pair does not break the call", () => {
  const sent = toStatus(failure("file/unreadable", "half \ud83e", { file: "\ud83e" }), "data");
  assert.is(encodeURI(sent.details), "file/unreadable:%20half%20%5Cud83e");
});

test("control characters in a record of another server are escaped on arrival", () => {
  const { metadata } = toStatus(failure("file/unreadable", "plain"), "data");
  const [key] = Object.keys(metadata.getMap());
  metadata.set(key, Buffer.from(JSON.stringify({ code: "file/unreadable", message: "\u001b[2J" })));
  assert.is(fromStatus({ metadata })?.message, "\\u001b[2J");
});

test("a status that another server set becomes an error with its address", () => {
  const error = errorOfStatus(status.NOT_FOUND, "no such thing", "127.0.0.1:1");
  assert.is(error.code, "protocol/not-found");
  assert.match(error.message, /127\.0\.0\.1:1: no such thing/);
  assert.is(errorOfStatus(status.DATA_LOSS, "", "x").code, "network/failed");
});

test.run();
