// Connections: a server at its limit of connections still serves others than the client that opened them.

import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectInference, type InferenceClient } from "../../client/node/inference-client.js";
import { inference } from "../../proto/generated/inference.js";
import { type InferenceServer, startInferenceServer } from "../../server/inference/inference-server.js";
import { colorModel } from "../inference/color-model.js";

const RED = Uint8Array.of(3, 1, 2);

/** What a test has opened: a failed one would keep the process alive. */
const opened: (() => unknown)[] = [];

test.after.each(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function serve(connections: object, delayMs = 0): Promise<InferenceServer> {
  const server = await startInferenceServer({
    models: [colorModel(delayMs)],
    listen: "127.0.0.1:0",
    version: "1",
    connections,
    graceMs: 200,
  });
  opened.push(() => server.drain());
  return server;
}

function connectTo(server: InferenceServer, deadlineMs: number): InferenceClient {
  const client = connectInference(server.address, { deadlineMs });
  opened.push(() => client.close());
  return client;
}

/** Connections from an address of the loopback network, which stay open. */
async function open(server: InferenceServer, count: number, localAddress: string): Promise<Socket[]> {
  const port = Number(server.address.split(":").at(-1));
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect({ port, host: "127.0.0.1", localAddress });
          socket.on("error", () => {}).resume();
          opened.push(() => socket.destroy());
          socket.once("connect", () => resolve(socket));
        }),
    ),
  );
}

test("a client with more connections than allowed loses its own; a client elsewhere is served meanwhile", async () => {
  const server = await serve({ maxConnections: 50 });
  const flood = await open(server, 200, "127.0.0.9");
  const client = connectTo(server, 5_000);
  assert.is((await client.classify([RED]))[0]?.[0]?.label, "red");
  const more = await open(server, 100, "127.0.0.9");
  assert.is((await client.classify([RED]))[0]?.[0]?.label, "red");
  const countOpen = () =>
    [...flood, ...more].filter((socket) => !socket.destroyed && socket.readyState === "open").length;
  for (let tries = 0; countOpen() > 50 && tries < 200; tries++) await delay(20);
  const left = countOpen();
  assert.ok(left <= 50, `${left} are open`);
});

test("a connection with a call in progress is not given away", async () => {
  const server = await serve({ maxConnections: 3 }, 600);
  const client = connectTo(server, 10_000);
  await client.ready();
  const answer = client.classify([RED]);
  await delay(100);
  await open(server, 20, "127.0.0.9");
  assert.is((await answer)[0]?.[0]?.label, "red");
});

if (process.platform === "linux")
  test("where one address computes on every connection, another takes its share of the places, and no more", async () => {
    const server = await serve({ maxConnections: 4 }, 10_000);
    const body = Buffer.from(
      inference.ModelInferRequest.encode({
        modelName: "colors",
        inputs: [{ name: "image", datatype: "BYTES", shape: [1], contents: { bytesContents: [RED] } }],
      }).finish(),
    );
    const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]);
    const path = "/inference.GRPCInferenceService/ModelInfer";
    const sessions: ClientHttp2Session[] = [];
    for (let each = 0; each < 4; each++) sessions.push(await openCall(server, path, frame));
    await delay(100);
    const others: ClientHttp2Session[] = [];
    for (let each = 0; each < 2; each++) {
      others.push(await openCall(server, path, frame, "127.0.0.8"));
      // Its request has been received: until then its own connection would be the idle one.
      await delay(100);
    }
    // One more than its share takes the place of nobody.
    const [refused] = await open(server, 1, "127.0.0.8");
    refused?.resume();
    const isOpen = (session: ClientHttp2Session) => !session.destroyed && !session.closed;
    for (let tries = 0; refused?.readyState === "open" && tries < 200; tries++) await delay(10);
    const counts = [sessions.filter(isOpen).length, others.filter(isOpen).length];
    assert.equal([refused?.readyState === "open", ...counts], [false, 2, 2]);
    assert.ok(sessions[0] && !sessions[0].destroyed, "the newest gave their places");
    for (const session of [...sessions, ...others]) session.destroy();
  });

/** A connection with a call to which nothing is sent, or only `message`; resolves when it is open. */
async function openCall(
  server: InferenceServer,
  path: string,
  message: Buffer | undefined,
  localAddress = "127.0.0.9",
): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://${server.address}`, {
    createConnection: ({ port, hostname }) => connect({ port: Number(port), host: hostname, localAddress }),
  });
  session.on("error", () => {});
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const call = session.request(headers, { endStream: false });
  call.on("error", () => {}).resume();
  if (message) call.end(message);
  await new Promise((resolve) => session.ping(resolve));
  return session;
}

for (const [what, path, message] of [
  ["requests that are not sent", "/inference.GRPCInferenceService/ModelInfer", undefined],
  ["streams without requests", "/inference.GRPCInferenceService/ModelStreamInfer", undefined],
  ["calls that watch health", "/grpc.health.v1.Health/Watch", Buffer.alloc(5)],
] as const) {
  test(`${what} do not keep the places of all connections`, async () => {
    const server = await serve({ maxConnections: 4 });
    const sessions = await Promise.all(Array.from({ length: 4 }, () => openCall(server, path, message)));
    const client = connectInference(server.address, { deadlineMs: 5_000 });
    assert.is((await client.classify([RED]))[0]?.[0]?.label, "red");
    assert.is(sessions.filter((session) => !session.destroyed).length, 3, "one gave its place");
    client.close();
    for (const session of sessions) session.destroy();
    await server.drain();
  });
}

test("a connection without calls is closed after the idle timeout, also one that never spoke", async () => {
  const server = await serve({ idleTimeoutMs: 100 });
  const [silent] = await open(server, 1, "127.0.0.1");
  let closed = false;
  silent!.resume().once("close", () => {
    closed = true;
  });
  for (let tries = 0; !closed && tries < 200; tries++) await delay(20);
  assert.ok(closed);
});

test.run();
