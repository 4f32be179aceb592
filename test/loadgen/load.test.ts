// Load: how many requests are in flight, when those of a rate are sent, and what a stall is charged.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseLevels } from "../../bin/loadgen/levels.js";
import { MOST_IN_FLIGHT, startLoad } from "../../bin/loadgen/load.js";
import { areStable } from "../../bin/loadgen/measure.js";
import { Window } from "../../bin/loadgen/window.js";
import { isVitrineError } from "../../runtime/errors.js";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Requests that end when the test says so. */
function pendingRequests(): {
  send: () => Promise<string>;
  end: (outcome?: string) => void;
  count: () => number;
} {
  const pending: ((outcome: string) => void)[] = [];
  return {
    send: () => new Promise((resolve) => void pending.push(resolve)),
    end: (outcome = "ok") => pending.shift()?.(outcome),
    count: () => pending.length,
  };
}

test("a closed loop has exactly its number of requests in flight until it is stopped", async () => {
  const { send, end, count } = pendingRequests();
  const outcomes: string[] = [];
  const load = startLoad(
    { kind: "closed", concurrency: 5 },
    { send, ended: (o) => outcomes.push(o), seed: 1 },
  );
  for (let i = 0; i < 20; i++) {
    assert.is(count(), 5);
    end();
    await sleep(0);
  }
  const stopped = load.stop();
  for (let i = 0; i < 5; i++) end();
  await stopped;
  assert.equal([count(), outcomes.length], [0, 25]);
});

test("an open loop sends what is due although nothing is answered", async () => {
  const { send, end, count } = pendingRequests();
  const load = startLoad({ kind: "open", rate: 2000 }, { send, ended: () => {}, seed: 1 });
  const start = performance.now();
  await sleep(200);
  const seconds = (performance.now() - start) / 1000;
  const sent = count();
  // Poisson: five standard deviations; it cannot have sent before it was due, and the machine may be late.
  assert.ok(sent <= 2000 * seconds + 5 * Math.sqrt(2000 * seconds), `${sent} in ${seconds} s`);
  assert.ok(sent > 50, String(sent));
  const stopped = load.stop();
  while (count() > 0) end();
  await stopped;
});

test("an open loop charges a stall to every request that was due meanwhile (no coordinated omission)", async () => {
  const latencies: number[] = [];
  const load = startLoad(
    { kind: "open", rate: 500 },
    { send: async () => "ok", ended: (_, ms) => latencies.push(ms), seed: 1 },
  );
  await sleep(20);
  latencies.length = 0;
  // Nothing can be sent for this long.
  const STALL_MS = 300;
  for (const end = performance.now() + STALL_MS; performance.now() < end; );
  await sleep(50);
  await load.stop();
  assert.ok(Math.max(...latencies) > 0.8 * STALL_MS, `longest ${Math.max(...latencies)}`);
  const late = latencies.filter((ms) => ms > STALL_MS / 3).length;
  assert.ok(late > 40, `${late} of the 100 requests of two thirds of the stall were charged`);
  assert.ok(load.longestLagMs() > 0.8 * STALL_MS);
});

test("an open loop holds back what would be too many in flight, and sends it later", async () => {
  const { send, end, count } = pendingRequests();
  const load = startLoad({ kind: "open", rate: 1_000_000 }, { send, ended: () => {}, seed: 1 });
  for (let i = 0; i < 200 && count() < MOST_IN_FLIGHT; i++) await sleep(5);
  assert.is(count(), MOST_IN_FLIGHT);
  end();
  await sleep(0);
  assert.is(count(), MOST_IN_FLIGHT);
  const stopped = load.stop();
  while (count() > 0) end();
  await stopped;
});

test("percentiles are those of the sorted latencies, and errors are counted apart", () => {
  const window = new Window();
  const order = Array.from({ length: 1000 }, (_, i) => ((i * 617) % 1000) + 1);
  for (const ms of order) window.record("ok", ms);
  for (let i = 0; i < 7; i++) window.record("network/queue-full", 2);
  window.record("DEADLINE_EXCEEDED", 90);
  window.close(10);
  assert.equal(window.latencies(), { mean: 500.5, p50: 500, p90: 900, p95: 950, p99: 990, max: 1000 });
  assert.equal(window.errors(), { "network/queue-full": 7, DEADLINE_EXCEEDED: 1 });
  assert.equal([window.rate, window.answered, window.failed], [100, 1000, 8]);
  assert.is(window.failureLatencies()?.p90, 90);
  const joined = Window.joined([window, window]);
  assert.equal(joined.latencies(), window.latencies());
  assert.equal([joined.rate, joined.failed, joined.seconds], [100, 16, 20]);
  assert.is(new Window().latencies(), undefined);
});

function windowOf(requests: number, ms: number): Window {
  const window = new Window();
  for (let i = 0; i < requests; i++) window.record("ok", ms);
  window.close(1);
  return window;
}

test("a level is stable when rate and latency of the last three windows agree", () => {
  const steady = [windowOf(100, 10), windowOf(105, 10.5), windowOf(98, 9.8)];
  assert.is(areStable(steady, 0.1), true);
  assert.is(areStable(steady.slice(1), 0.1), false, "two do not make three");
  assert.is(areStable([...steady, windowOf(150, 10)], 0.1), false, "the rate");
  assert.is(areStable([...steady, windowOf(100, 15)], 0.1), false, "the latency");
  assert.is(areStable([windowOf(400, 1), ...steady], 0.1), true, "earlier ones do not count");
  assert.is(areStable([windowOf(0, 1), windowOf(0, 1), windowOf(0, 1)], 0.1), false, "no answers");
});

test("levels are a list or a range, and nothing else", () => {
  const parse = (text: string, whole = true) => parseLevels("--concurrency", text, 4096, whole);
  assert.equal(parse("1,8,64"), [1, 8, 64]);
  assert.equal(parse("8:64:8"), [8, 16, 24, 32, 40, 48, 56, 64]);
  assert.equal(parse("1:3"), [1, 2, 3]);
  assert.equal(parse("0.5,2.5", false), [0.5, 2.5]);
  assert.equal(parse("0.1:0.5:0.1", false).length, 5);
  for (const text of ["", "0", "-1", "1.5", "1,,2", "a", "5:1:1", "1:4096:1", "1:2:3:4", "5000", "1:2:0"]) {
    try {
      parse(text);
      assert.unreachable(text);
    } catch (error) {
      assert.ok(isVitrineError(error) && error.code === "usage/number", text);
    }
  }
});

test.run();
