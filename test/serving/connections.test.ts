// Connections: a server at its limit of connections still serves others than the client that opened them.

import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectInference, type InferenceClient } from "../../client/node/inference-client.js";
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
  await delay(100);
  const left = [...flood, ...more].filter(
    (socket) => !socket.destroyed && socket.readyState === "open",
  ).length;
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
