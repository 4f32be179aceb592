// Failover: a data server is killed, restarted, drained or replaced, and its client continues or gives up.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { connectData, type DataClientOptions } from "../../client/node/data-client.js";
import { isVitrineError } from "../../runtime/errors.js";
import { digestsOf, SMALL_RECIPE } from "./batch-digests.js";
import { killServers, startServer } from "./server-process.js";
import { createDataSet, type SyntheticDataSet } from "./synthetic-data-set.js";

const test = suite<{ set: SyntheticDataSet }>("failover");

const SETTINGS = { recipe: SMALL_RECIPE, batchSize: 4, seed: 1 };
const START = { epoch: 0, batch: 0 };

async function failureOf(work: () => Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work();
  } catch (error) {
    if (isVitrineError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
}

test.before((context) => {
  context.set = createDataSet(40);
});

test.after(({ set }) => set.remove());

test.after.each(killServers);

/** Reads `count` batches; after the third, `interrupt` is called. */
async function readInterrupted(
  options: Omit<DataClientOptions, "recipe" | "batchSize" | "seed">,
  interrupt: () => Promise<void>,
): Promise<string[]> {
  const source = await connectData({ ...SETTINGS, ...options });
  try {
    return await digestsOf(source, START, 25, async (done) => {
      if (done === 3) await interrupt();
    });
  } finally {
    await source.close();
  }
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(`after ${signal} mid-stream and a restart, the batches continue unchanged`, async ({ set }) => {
    const first = await startServer(set.path);
    const { address } = first;
    const expected = await readInterrupted({ address }, async () => {});
    const notices: string[] = [];
    const onNotice = (text: string): number => notices.push(text);
    // Room for two batches, so that the server dies with most of the stream unsent.
    const creditBytes = 2 * (4 * (3 * 32 * 32 + 20) + 64);
    let restarted: Promise<unknown> = Promise.resolve();
    const seen = await readInterrupted({ address, creditBytes, onNotice }, async () => {
      const status = await first.stop(signal);
      assert.is(status, signal === "SIGTERM" ? 0 : "SIGKILL");
      restarted = new Promise((resolve) => setTimeout(resolve, 300)).then(() =>
        startServer(set.path, "--listen", address),
      );
    });
    await restarted;
    assert.equal(seen, expected);
    assert.is(notices.length, 2, `${notices}`);
    assert.match(notices[0] as string, /up to 60 s/);
    assert.match(notices[1] as string, /is back/);
  });
}

test("a client gives up on a missing server after the timeout, naming address and flag", async ({ set }) => {
  const server = await startServer(set.path);
  const { address } = server;
  const began = performance.now();
  const { code, message } = await failureOf(() =>
    readInterrupted({ address, timeoutSeconds: 1 }, async () => {
      await server.stop("SIGKILL");
    }),
  );
  assert.is(code, "network/data-server-gone");
  assert.ok(message.includes(address) && message.includes("--data-timeout"), message);
  assert.ok(performance.now() - began >= 1000);
});

test("no server, and another kind of server, each give one line that says so", async ({ set }) => {
  const server = await startServer(set.path);
  const { address } = server;
  await server.stop("SIGTERM");
  const absent = await failureOf(() => connectData({ ...SETTINGS, address, timeoutSeconds: 0.5 }));
  assert.is(absent.code, "network/no-data-server");
  assert.ok(absent.message.includes(address) && absent.message.includes("--data-server"), absent.message);
  const wrong = await failureOf(() => connectData({ ...SETTINGS, address: "no address" }));
  assert.is(wrong.code, "usage/address");
});

test("a server that comes back with other data is refused", async ({ set }) => {
  const other = createDataSet(39);
  try {
    const first = await startServer(set.path);
    const { address } = first;
    const { code, message } = await failureOf(() =>
      readInterrupted({ address, creditBytes: 40_000 }, async () => {
        await first.stop("SIGKILL");
        await startServer(other.path, "--listen", address);
      }),
    );
    assert.is(code, "data/fingerprint-changed");
    assert.match(message, /start a new run/);
    const expected = await failureOf(() =>
      connectData({ ...SETTINGS, address, fingerprint: "0".repeat(64), timeoutSeconds: 1 }),
    );
    assert.is(expected.code, "data/fingerprint-changed");
  } finally {
    other.remove();
  }
});

test("more samples in a batch than in the data set is refused before any stream", async ({ set }) => {
  const { address } = await startServer(set.path);
  const { code } = await failureOf(() => connectData({ ...SETTINGS, batchSize: 41, address }));
  assert.is(code, "data/too-few-samples");
});

/** Room for two batches: the server has most of the stream still to send. */
const TWO_BATCHES = 2 * (4 * (3 * 32 * 32 + 20) + 64);

/** Reads while the server is stopped for `stoppedMs` after the third batch; returns what the client was told. */
async function readPaused(set: SyntheticDataSet, stoppedMs: number): Promise<string[]> {
  const server = await startServer(set.path);
  const { address } = server;
  const expected = await readInterrupted({ address }, async () => {});
  const notices: string[] = [];
  const options = { address, creditBytes: TWO_BATCHES, quietSeconds: 0.4 };
  const seen = await readInterrupted({ ...options, onNotice: (text) => notices.push(text) }, async () => {
    server.process.kill("SIGSTOP");
    setTimeout(() => server.process.kill("SIGCONT"), stoppedMs);
  });
  assert.equal(seen, expected);
  return notices;
}

test("a server that neither sends nor answers is noticed although its connection stays open", async ({
  set,
}) => {
  const notices = await readPaused(set, 3000);
  assert.match(notices[0] as string, /^waiting for the data server \(.*\), up to 60 s$/);
  assert.is(notices.at(-1), "the data server is back");
});

test("a server that is only slow is asked, answers, and keeps its connection", async ({ set }) => {
  const notices = await readPaused(set, 800);
  assert.ok(
    notices.every((text) => /^no batch for \d+ s: \S+ answers, but is busy/.test(text)),
    notices.join(),
  );
});

test("a consumer that blocks its event loop for longer than any deadline keeps its connection", async ({
  set,
}) => {
  const { address } = await startServer(set.path);
  const notices: string[] = [];
  const options = { address, creditBytes: TWO_BATCHES, quietSeconds: 0.2 };
  const source = await connectData({ ...SETTINGS, ...options, onNotice: (text) => void notices.push(text) });
  let batches = 0;
  for await (const _ of source.batches(START)) {
    const end = performance.now() + 700;
    while (performance.now() < end);
    if (++batches === 3) break;
  }
  await source.close();
  assert.equal(notices, []);
});

test.run();
