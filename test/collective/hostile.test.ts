// Hostile callers: what strangers send to a rank's port is refused with a typed error, and the run goes on.

import { connect } from "node:net";
import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Ring } from "../../client/node/collective/ring.js";
import {
  COLLECTIVE_SERVICE,
  Element,
  type FrameHead,
  type MemberMessage,
  type ReceivedFrame,
} from "../../proto/collective-codec.js";
import { fromStatus } from "../../proto/wire-error.js";
import type { ErrorCode } from "../../runtime/errors.js";
import { formRanks, type Ranks } from "./ranks.js";

type Run = Awaited<ReturnType<typeof formRanks>>;

const test = suite<{ ranks: Ranks[]; clients: Client[] }>("hostile callers");

test.before((context) => {
  context.ranks = [];
  context.clients = [];
});
test.after.each(async ({ ranks, clients }) => {
  for (const client of clients.splice(0)) client.close();
  for (const run of ranks.splice(0)) await run.close();
});

async function sumOfRun({ formed }: Run): Promise<void> {
  const totals = await Promise.all(
    formed.map(async ({ group }) => {
      const into = Float32Array.of(group.rank + 1);
      await group.allReduce([into], into);
      return into[0];
    }),
  );
  assert.equal(totals, [3, 3]);
}

/** The code or status with which a call of these messages ends. */
function outcomeOf(
  clients: Client[],
  address: string,
  method: "Join" | "Link",
  messages: readonly (object | Buffer)[],
): Promise<ErrorCode | number | undefined> {
  const client = new Client(address, credentials.createInsecure(), { "grpc.enable_retries": 0 });
  clients.push(client);
  const definition = COLLECTIVE_SERVICE[method] as unknown as MethodDefinition<object, object>;
  const call = client.makeBidiStreamRequest(
    definition.path,
    (message: object) => (Buffer.isBuffer(message) ? message : definition.requestSerialize(message)),
    definition.responseDeserialize,
    new Metadata(),
  );
  for (const message of messages) call.write(message);
  call.on("data", () => {});
  return new Promise((resolve) => {
    call.on("error", (error: Error & { code?: number; metadata?: Metadata }) =>
      resolve(fromStatus(error)?.code ?? error.code),
    );
    call.on("end", () => resolve(undefined));
  });
}

/** INTERNAL: grpc-js's status of a message that its deserializer refuses. */
const NOT_READ = 13;

test("bytes that are no HTTP/2 and messages that are no protobuf leave the run as it is", async ({
  ranks,
  clients,
}) => {
  const run = await formRanks(2);
  ranks.push(run);
  for (const [rank, { address }] of run.members.entries()) {
    const socket = connect(Number(address.split(":")[1]), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(Buffer.alloc(100_000, 0xfe));
    const garbage = [Buffer.alloc(100, 0xff)];
    assert.is(await outcomeOf(clients, address, "Link", garbage), NOT_READ);
    if (rank === 0) assert.is(await outcomeOf(clients, address, "Join", garbage), NOT_READ);
    await sumOfRun(run);
    socket.destroy();
  }
});

const HELLO = { address: ":1", facts: { version: "1", protocol: "1", transport: "float32" } };

const JOINS: Record<string, [readonly object[], ErrorCode | number]> = {
  "an offer before Hello": [[{ offer: { step: 1 } }], "protocol/malformed"],
  "a Hello of a megabyte": [[{ hello: { facts: { version: "x".repeat(2 ** 20) } } }], NOT_READ],
  "a Hello with other facts": [[{ hello: { ...HELLO, facts: {} } }], "collective/facts"],
  "a Hello with no address": [[{ hello: { ...HELLO, address: "" } }], "usage/address"],
  "a Hello with a port that is none": [[{ hello: { ...HELLO, address: "host:99999" } }], "usage/address"],
  "a Hello with the last generation there is": [
    [{ hello: { ...HELLO, generation: 2 ** 32 - 1 } }],
    "collective/mismatch",
  ],
};

for (const [name, [messages, expected]] of Object.entries(JOINS))
  test(`${name} is refused`, async ({ ranks, clients }) => {
    const run = await formRanks(2);
    ranks.push(run);
    assert.is(await outcomeOf(clients, run.members[0].address, "Join", messages), expected);
    await sumOfRun(run);
  });

test("only rank 0 lets others join", async ({ ranks, clients }) => {
  const run = await formRanks(2);
  ranks.push(run);
  assert.is(
    await outcomeOf(clients, run.members[1].address, "Join", [{ hello: HELLO }]),
    "protocol/unimplemented",
  );
});

test("a member that reports what it has no part in changes nothing", async ({ ranks, clients }) => {
  const run = await formRanks(2);
  ranks.push(run);
  const reports: MemberMessage[] = [0, 1, 2].map((rank) => ({
    report: { generation: 1, rank, cause: 3, text: "x" },
  }));
  const joined = outcomeOf(clients, run.members[0].address, "Join", [
    { hello: HELLO },
    ...reports,
    { leave: {} },
  ]);
  await sumOfRun(run);
  await sumOfRun(run);
  clients[0].close();
  await Promise.race([joined, new Promise((resolve) => setTimeout(resolve, 50))]);
});

const KEY = Buffer.alloc(16, 1);
const WINDOWS = { sumBytes: 1 << 20, totalBytes: 1 << 20 };

const LINKS: Record<string, [readonly object[], ErrorCode | number]> = {
  "an unknown generation": [
    [{ open: { generation: 7, key: KEY, rank: 1, ...WINDOWS } }],
    "collective/mismatch",
  ],
  "a wrong key": [[{ open: { generation: 1, key: KEY, rank: 1, ...WINDOWS } }], "collective/mismatch"],
  "a key of another length": [
    [{ open: { generation: 1, key: Buffer.alloc(3), rank: 1 } }],
    "collective/mismatch",
  ],
  "credit first": [[{ credit: { sumBytes: 5 } }], "collective/mismatch"],
  "a request of a megabyte": [[{ open: { key: Buffer.alloc(2 ** 20) } }], NOT_READ],
};

for (const [name, [messages, expected]] of Object.entries(LINKS))
  test(`a link with ${name} is refused`, async ({ ranks, clients }) => {
    const run = await formRanks(2);
    ranks.push(run);
    assert.is(await outcomeOf(clients, run.members[0].address, "Link", messages), expected);
    await sumOfRun(run);
  });

interface BadFrame extends Partial<FrameHead> {
  bytes?: number;
  says: RegExp;
}

const FRAMES: Record<string, BadFrame> = {
  "no values": { bytes: 0, says: /0 bytes of sums at value 0/ },
  "half a value": { bytes: 6, says: /6 bytes of sums/ },
  "more values than the reduction": { count: 1, says: /reduction 0 of 1 float32/ },
  "an offset behind the end": { offset: 9, says: /at value 9/ },
  "an offset that leaves values out": { offset: 4, says: /value 4 of sums instead of 0/ },
  "four billion values": {
    count: 2 ** 32 - 1,
    says: /4,294,967,295 float32 values; here it is .* of 10 float32/,
  },
  "another type": { element: Element.ELEMENT_FLOAT64, says: /10 float64 values; here it is/ },
  "an unknown type": { element: 9 as Element, says: /unknown values/ },
  "a later reduction": { sequence: 1, says: /reduction 1 .*expected reduction 0/ },
  "a total that nobody summed": { total: true, says: /of totals/ },
};

for (const [name, { bytes = 8, says, ...head }] of Object.entries(FRAMES))
  test(`a frame with ${name} is a mismatch`, async () => {
    const failures: string[] = [];
    const ring = new Ring({
      ...{ rank: 1, world: 2, generation: 1, element: Element.ELEMENT_FLOAT32, stallMs: 1e6 },
      onFailure: (_cause, rank, text) => failures.push(`rank ${rank}: ${text}`),
      leave: async () => {},
    });
    ring.connectPrevious({ grant: () => {}, close: () => {} });
    ring.connectNext({ covers: () => true, send: () => {}, close: () => {} });
    const reduced = ring.allReduce([new Float32Array(10)], new Float32Array(10)).catch(() => {});
    const payload = new Uint8Array(bytes);
    const frame: ReceivedFrame = {
      ...{ sequence: 0, count: 10, offset: 0, element: Element.ELEMENT_FLOAT32, total: false, slowest: 0 },
      ...head,
      ...{ payload, message: payload },
    };
    ring.receive(frame);
    ring.end(new Error("over"));
    await reduced;
    assert.is(failures.length, 1);
    assert.match(failures[0], says);
    assert.match(failures[0], /^rank 0: it sends /);
  });

test.run();
