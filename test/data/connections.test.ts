// Connections: how many a client opens to a data server, and when it gives them up.

import { once } from "node:events";
import { createServer, connect as openSocket, type Server, type Socket } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData } from "../../client/node/data-client.js";
import { type DataServer, startDataServer } from "../../server/data/data-server.js";
import { digestsOf, SMALL_RECIPE } from "./batch-digests.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

interface Context {
  set: SyntheticDataSet;
  server: DataServer;
  /** Passes connections on to the server. */
  proxy: Server;
  address: string;
  /** Every connection so far. */
  sockets: Socket[];
}

const test = suite<Context>("connections");

const SETTINGS = { recipe: SMALL_RECIPE, batchSize: 4, seed: 1 };
const START = { epoch: 0, batch: 0 };

test.before(async (context) => {
  context.set = createDataSet(12);
  const options = { data: context.set.path, listen: "127.0.0.1:0", workers: 0, badSamples: "fail" } as const;
  context.server = await startDataServer(options);
  const port = Number(context.server.address.split(":")[1]);
  context.proxy = createServer((socket) => {
    context.sockets.push(socket);
    const target = openSocket(port, "127.0.0.1");
    socket.pipe(target).pipe(socket);
    socket.on("error", () => target.destroy());
    target.on("error", () => socket.destroy());
  });
  context.proxy.listen(0, "127.0.0.1");
  await once(context.proxy, "listening");
  const at = context.proxy.address();
  context.address = `127.0.0.1:${typeof at === "object" ? at?.port : 0}`;
});

test.before.each((context) => {
  context.sockets = [];
});

test.after(async ({ set, server, proxy }) => {
  proxy.close();
  await server.close();
  set.remove();
});

test("a stream that is opened at once uses the connection on which the server answered", async (context) => {
  const source = await connectData({ ...SETTINGS, address: context.address });
  const first = await digestsOf(source, START, 2);
  assert.is(context.sockets.length, 1);
  // Its stream is over, and the connection with it.
  const again = await digestsOf(source, START, 2);
  assert.is(context.sockets.length, 2);
  assert.equal(again, first);
  await source.close();
});

test("a connection that no stream uses is closed", async (context) => {
  const source = await connectData({ ...SETTINGS, address: context.address });
  const [socket] = context.sockets;
  if (!socket.closed) await once(socket, "close");
  assert.is((await digestsOf(source, START, 1)).length, 1);
  assert.is(context.sockets.length, 2);
  await source.close();
});

test("closing the source closes its connection at once, before an older one that no stream uses", async (context) => {
  const older = await connectData({ ...SETTINGS, address: context.address });
  const source = await connectData({ ...SETTINGS, address: context.address });
  await source.close();
  const closed: number[] = [];
  const [first, second] = context.sockets.map(async (socket, index) => {
    if (!socket.closed) await once(socket, "close");
    closed.push(index);
  });
  await Promise.all([first, second]);
  assert.equal(closed, [1, 0]);
  await older.close();
});

test("a data set with too few images leaves no connection open", async (context) => {
  const refused = await connectData({ ...SETTINGS, batchSize: 1000, address: context.address }).catch(
    (error) => error.code,
  );
  assert.is(refused, "data/too-few-samples");
  const [socket] = context.sockets;
  if (!socket.closed) await once(socket, "close");
  assert.is(context.sockets.length, 1);
});

test.run();
