// State transfer: what a damaged or lying sender sends is refused before memory is taken for it, and never returned.

import { createHash } from "node:crypto";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fetchState, type StateCall } from "../../client/node/collective/state-transfer.js";
import { COLLECTIVE_SERVICE, type StateMessage } from "../../proto/collective-codec.js";
import { toStatus } from "../../proto/wire-error.js";
import { VitrineError } from "../../runtime/errors.js";
import { errorOf } from "./error-of.js";

const test = suite<{ servers: Server[] }>("state transfer");

test.before((context) => {
  context.servers = [];
});
test.after.each(({ servers }) => {
  for (const server of servers.splice(0)) server.forceShutdown();
});

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
const parts = (size: number | string = 1000, name = "weights") => ({
  parts: { parts: [{ name, size: Number(size) }] },
});
const digestOf = (declared: [string, number][], ...chunks: Uint8Array[]): Buffer => {
  const hash = createHash("sha256").update(JSON.stringify(declared));
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest();
};
const GOOD = digestOf([["weights", 1000]], bytes);

interface Case {
  messages: StateMessage[];
  says: RegExp;
}

const CASES: Record<string, Case> = {
  "another byte": {
    messages: [parts(), { bytes: bytes.with(500, 0) }, { digest: GOOD }],
    says: /do not have the digest/,
  },
  "another name": {
    messages: [parts(1000, "moments"), { bytes }, { digest: GOOD }],
    says: /do not have the digest/,
  },
  "fewer bytes": {
    messages: [parts(), { bytes: bytes.subarray(1) }, { digest: GOOD }],
    says: /weights has 999 of its 1000 bytes/,
  },
  "more bytes than the part": {
    messages: [parts(), { bytes }, { bytes: bytes.subarray(0, 1) }, { digest: GOOD }],
    says: /more bytes than the parts have/,
  },
  "a part that overflows": {
    messages: [parts(999), { bytes }, { digest: GOOD }],
    says: /weights has more than its 999 bytes/,
  },
  "no digest": { messages: [parts(), { bytes }], says: /ends before its digest/ },
  "a digest before the parts": { messages: [{ digest: GOOD }], says: /digest comes before/ },
  "bytes before the parts": { messages: [{ bytes }], says: /more bytes than the parts have/ },
  "parts twice": { messages: [parts(), parts()], says: /declared twice/ },
  "two parts of one name": {
    messages: [
      {
        parts: {
          parts: [
            { name: "a", size: 1 },
            { name: "a", size: 1 },
          ],
        },
      },
    ],
    says: /two parts have one name/,
  },
  "a part of 4 PiB": { messages: [parts(2 ** 52)], says: /allowed: 10000 of 1\.0 MiB/ },
  "parts that are too large together": {
    messages: [{ parts: { parts: [600_000, 600_000].map((size, i) => ({ name: `${i}`, size })) } }],
    says: /2 parts of 1\.1 MiB; allowed/,
  },
  "too many parts": {
    messages: [{ parts: { parts: Array.from({ length: 10_001 }, (_, i) => ({ name: `${i}`, size: 0 })) } }],
    says: /10001 parts/,
  },
  "bytes after the digest": {
    messages: [parts(), { bytes }, { digest: GOOD }, { bytes }],
    says: /bytes follow the digest/,
  },
};

async function fetchFrom(
  servers: Server[],
  answer: (call: StateCall) => void,
  nextMs = 5000,
  firstMs = 5000,
) {
  const server = new Server();
  servers.push(server);
  server.addService({ FetchState: COLLECTIVE_SERVICE.FetchState } as never, { FetchState: answer } as never);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return fetchState({
    ...{
      address: `127.0.0.1:${port}`,
      rank: 1,
      security: {},
      request: {},
      maxBytes: 2 ** 20,
      firstMs,
      nextMs,
    },
    signal: new AbortController().signal,
  });
}

const answering = (messages: readonly StateMessage[]) => (call: StateCall) => {
  for (const message of messages) call.write(message);
  call.end();
};

test("what is sent arrives", async ({ servers }) => {
  const state = await fetchFrom(servers, answering([parts(), { bytes }, { digest: GOOD }]));
  assert.equal([...state], [["weights", bytes]]);
});

for (const [name, { messages, says }] of Object.entries(CASES))
  test(`${name}: refused as damaged, naming the rank`, async ({ servers }) => {
    const { code, message } = await errorOf(fetchFrom(servers, answering(messages)));
    assert.is(code, "collective/state");
    assert.match(message, says);
    assert.match(message, /^the state of rank 1 \(127\.0\.0\.1:\d+\): /);
  });

test("a sender that stops in the middle is given up", async ({ servers }) => {
  const silent = (call: StateCall): void => void call.write(parts());
  const limits = [
    { answer: silent, nextMs: 100 },
    { answer: () => {}, firstMs: 100 },
  ];
  for (const { answer, nextMs, firstMs } of limits) {
    const { code, message } = await errorOf(fetchFrom(servers, answer, nextMs, firstMs));
    assert.is(code, "collective/peer-lost");
    assert.match(message, /the state of rank 1 .* does not come any further/);
  }
});

test("the sender's own error arrives, and a broken connection is a lost rank", async ({ servers }) => {
  const refusing = (call: StateCall): void =>
    void call.emit("error", toStatus(new VitrineError("file/unreadable", "weights: EIO"), "collective"));
  assert.is((await errorOf(fetchFrom(servers, refusing))).code, "file/unreadable");
  const breaking = (call: StateCall): void => {
    call.write(parts());
    setTimeout(() => servers.at(-1)?.forceShutdown(), 20);
  };
  assert.is((await errorOf(fetchFrom(servers, breaking))).code, "collective/peer-lost");
});

test.run();
