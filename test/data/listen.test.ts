// Listen: servers say when they are reachable from other machines without TLS.

import { createServer } from "node:http";
import { connect } from "node:net";
import { Server } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkAddress } from "../../proto/address.js";
import { isVitrineError } from "../../runtime/errors.js";
import { exposureWarning, listen, listenHttp } from "../../server/listen.js";

for (const address of [
  "127.0.0.1:8001",
  "127.1.2.3:80",
  "localhost:8001",
  "[::1]:8001",
  "http://127.0.0.1:8080",
  "unix:/tmp/vitrine.sock",
]) {
  test(`no warning for ${address}`, () => assert.is(exposureWarning(address, "read it"), undefined));
}

for (const address of [
  "0.0.0.0:8001",
  "[::]:8001",
  "192.168.1.7:8001",
  "gpu-box:8001",
  "http://0.0.0.0:8001",
  "127.0.0.1.example.com:8001",
]) {
  test(`one line for ${address}, with what others can do and how to prevent it`, () => {
    const line = exposureWarning(address, "read the data set") ?? "";
    assert.match(line, /^warning: [^\n]*anyone who can reach it can read the data set/);
    assert.ok(line.includes(address.replace("http://", "")), line);
    assert.match(line, /TLS/);
    assert.match(line, /--listen 127\.0\.0\.1:8001/);
  });
}

test("an address that is none is refused with what is allowed, HTTP without unix sockets", async () => {
  const refused = async (address: string): Promise<string> => {
    const error = await listenHttp(createServer(), address, "--metrics").catch((reason: unknown) => reason);
    assert.ok(isVitrineError(error) && error.code === "usage/address", String(error));
    return error.message;
  };
  for (const address of ["51964", "unix:/tmp/x", "localhost", "localhost:70000"]) {
    const text = await refused(address);
    assert.match(text, /--metrics got .*; allowed: HOST:PORT/);
    assert.not.match(text, "unix:PATH");
  }
  assert.match(await refused("51964"), "such as 127.0.0.1:51964");
  assert.throws(() => checkAddress("51964"), /--listen got .*such as 127\.0\.0\.1:51964, or unix:PATH/);
});

test(":PORT listens on all interfaces, and says that it does", async () => {
  const server = new Server();
  const address = await listen(server, ":0");
  assert.match(address, /^(\[::\]|0\.0\.0\.0):[1-9]\d*$/);
  assert.match(exposureWarning(address, "read it") ?? "", /reachable from other machines/);
  const socket = connect(Number(address.split(":").at(-1)), "127.0.0.1");
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  socket.destroy();
  server.forceShutdown();
});

test("a server that can speak TLS itself names its flags, others a proxy", () => {
  const advice = (protection?: { tls: boolean; asksWhoCalls: boolean }) =>
    exposureWarning("0.0.0.0:8001", "read it", protection) ?? "";
  assert.match(advice(), /a proxy with TLS/);
  assert.match(advice({ tls: false, asksWhoCalls: false }), /--tls-cert, --tls-key, --token-file/);
  assert.match(advice({ tls: true, asksWhoCalls: false }), /--token-file/);
  assert.is(advice({ tls: true, asksWhoCalls: true }), "");
});

test.run();
