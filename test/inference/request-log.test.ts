// Request log: which calls get a line, and what the line says.

import { pino } from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import type { CallObserver } from "../../server/inference/contract.js";
import { observeCalls } from "../../server/inference/observation/calls.js";
import { createRequestLog, type RequestLogOptions } from "../../server/inference/observation/request-log.js";

type Line = Record<string, unknown> & { level: number; msg: string };

interface Observed {
  calls: CallObserver;
  lines: Line[];
  close(): void;
}

function observed(options: Partial<RequestLogOptions> = {}): Observed {
  const lines: Line[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const requestLog = createRequestLog({ log, ...options });
  const calls = observeCalls({ ended: [(record) => requestLog.callEnded(record)] });
  return { calls, lines, close: () => requestLog.close() };
}

const SUBJECT = {
  model: "tiny",
  version: "1",
  images: 2,
  seconds: { queue: 0.001, decode: 0.0025, compute: 0.004 },
};
const INFO = 30;
const WARN = 40;
const ERROR = 50;

test("an answered call has one line with its id, protocol, model, images and split", () => {
  const { calls, lines } = observed();
  calls.arrived({ protocol: "http", requestId: "abc" }).answered(SUBJECT, 0.0005);
  const [{ ms, level, msg, ...line }] = lines as [Line];
  assert.equal([lines.length, level, msg], [1, INFO, "answered"]);
  assert.type(ms, "number");
  const { time, pid, hostname, ...rest } = line;
  assert.equal(rest, {
    requestId: "abc",
    protocol: "http",
    model: "tiny",
    version: "1",
    images: 2,
    code: "ok",
    queueMs: 1,
    decodeMs: 2.5,
    computeMs: 4,
    outputMs: 0.5,
  });
});

test("an id that could break a header is cleaned and cut, and a call without one gets one", () => {
  const { calls } = observed();
  const idOf = (requestId?: string) => calls.arrived({ protocol: "grpc", requestId }).requestId;
  assert.is(idOf("a\r\nset-cookie: b"), "aset-cookie:b");
  assert.is(idOf("x".repeat(10_000)).length, 128);
  assert.match(idOf("€€€"), /^[0-9a-f-]{36}$/);
  assert.match(idOf(), /^[0-9a-f-]{36}$/);
  assert.is.not(idOf(), idOf());
});

test("a fault of the server has a line with its cause, also where the access log is off", () => {
  const { calls, lines } = observed({ accessLog: 0 });
  const cause = new TypeError("x is undefined");
  calls
    .arrived({ protocol: "grpc", requestId: "f" })
    .failed(new VitrineError("graph/input", "pixels missing", { cause }), SUBJECT);
  calls.arrived({ protocol: "grpc" }).failed(new RangeError("Invalid typed array length"));
  calls.arrived({ protocol: "grpc" }).failed(new VitrineError("protocol/tensor", "the caller's mistake"));
  calls.arrived({ protocol: "grpc" }).answered(SUBJECT, 0);
  assert.equal(
    lines.map(({ level, code, model }) => [level, code, model]),
    [
      [ERROR, "graph/input", "tiny"],
      [ERROR, "internal/unexpected", undefined],
    ],
  );
  const { err } = lines[0] as unknown as { err: { stack: string } };
  assert.match(err.stack, /pixels missing[\s\S]*caused by: TypeError: x is undefined/);
});

test("a model that is not known is logged as what was asked for, escaped and cut", () => {
  const { calls, lines } = observed();
  const unknown = new VitrineError("protocol/unknown-model", "no such model");
  calls.arrived({ protocol: "grpc", asked: "tny" }).failed(unknown);
  calls.arrived({ protocol: "http", asked: `\u001b[2J${"x".repeat(5_000)}` }).failed(unknown);
  calls.arrived({ protocol: "grpc", asked: "tiny:pixels" }).failed(unknown, SUBJECT);
  assert.equal(
    lines.map(({ model, asked }) => [model, String(asked).slice(0, 12)]),
    [
      [undefined, "tny"],
      [undefined, "\\u001b[2Jxxx".slice(0, 12)],
      ["tiny", "undefined"],
    ],
  );
  assert.ok(String(lines[1]?.asked).length < 200);
});

test("a thousand refusals make one line of counts, as do faults beyond the first twenty", () => {
  const { calls, lines, close } = observed();
  for (let i = 0; i < 1000; i++) {
    const code = i % 4 === 0 ? "network/deadline" : "network/queue-full";
    calls.arrived({ protocol: "grpc" }).failed(new VitrineError(code, "full"), SUBJECT);
  }
  assert.is(lines.length, 0);
  for (let i = 0; i < 100; i++) calls.arrived({ protocol: "grpc" }).failed(new Error("broken"));
  assert.is(lines.length, 20);
  close();
  const [refused, faults] = lines.slice(20) as [Line, Line];
  assert.equal([lines.length, refused.level, faults.level], [22, WARN, ERROR]);
  assert.equal(refused.refusals, { "network/deadline": 250, "network/queue-full": 750 });
  assert.equal([faults.faults, faults.logged], [100, 20]);
  close();
  assert.is(lines.length, 22, "nothing was refused since");
});

test("counts are written when their period ends", async () => {
  const { calls, lines } = observed({ periodMs: 5 });
  calls.arrived({ protocol: "grpc" }).failed(new VitrineError("network/draining", "stopping"));
  for (let i = 0; i < 400 && lines.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(lines[0]?.refusals, { "network/draining": 1 });
});

test("a sample of the access log has that fraction of the calls", () => {
  const { calls, lines } = observed({ accessLog: 0.25 });
  for (let i = 0; i < 100; i++) calls.arrived({ protocol: "grpc" }).answered(SUBJECT, 0);
  assert.is(lines.length, 25);
});

test.run();
