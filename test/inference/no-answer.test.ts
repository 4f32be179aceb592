// No answer: of grpc-js's sentences about a server that it cannot reach, the reason is left.

import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { noAnswer } from "../../client/node/no-answer.js";

const said = (lastError: string): ServiceError => {
  const details = `No connection established. Last error: ${lastError}. Resolution note: `;
  return Object.assign(new Error(details), { code: status.UNAVAILABLE, details, metadata: new Metadata() });
};

test("a refused connection has the system's name of it", () => {
  const { code, message } = noAnswer(said("Error: connect ECONNREFUSED 127.0.0.1:9"), "127.0.0.1:9");
  assert.is(code, "network/unavailable");
  assert.is(message, 'no answer from 127.0.0.1:9 (ECONNREFUSED): is "vitrine serve" running there?');
});

test("a server that closes connections may speak TLS, and no time stamp is printed", () => {
  const { code, message } = noAnswer(said("Failed to connect (2026-01-02T03:04:05.678Z)"), "a:1");
  assert.is(code, "network/unavailable");
  assert.match(message, /^no answer from a:1 \(Failed to connect\): .* TLS/);
});

test("a failed handshake says which file helps", () => {
  const { code, message } = noAnswer(said("Error: self-signed certificate"), "a:1");
  assert.is(code, "network/tls");
  assert.match(message, /--tls-ca/);
});

test.run();
