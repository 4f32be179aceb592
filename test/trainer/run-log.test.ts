// Run log and event file: what a run leaves for its reader and for TensorBoard.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ProgressReport } from "../../trainer/core/progress-report.js";
import { openEventFile } from "../../trainer/event-file.js";
import { withLog } from "../../trainer/run-log.js";
import { silentProgress } from "./fake-run.js";

const test = suite<{ folder: string }>("run log");

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "vitrine-log-"));
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const REPORT: ProgressReport = {
  ...{ epoch: 1, epochs: 2, step: 1, steps: 9, loss: 1, learningRate: 1e-3, imagesPerSecond: 1, dataWait: 0 },
  ...{ elapsedSeconds: 1, remainingSeconds: 8, peakBytes: 1e6, deviceBytes: null },
};

test("what was said before the run existed is kept, a step a minute, and the last one", ({ folder }) => {
  const path = join(folder, "log.txt");
  let time = Date.parse("2026-01-02T03:04:05.678Z");
  const shown = silentProgress();
  const log = withLog(shown, () => time);
  log.say("model");
  log.record(path);
  for (let step = 1; step <= 5; step++) {
    log.report({ ...REPORT, step });
    time += 20_000;
  }
  log.end();
  log.note("an error");
  assert.equal(shown.lines, ["model"], "a note is not printed");
  const lines = readFileSync(path, "utf8").split("\n");
  assert.is(lines[0], "2026-01-02T03:04:05.678Z model");
  assert.equal(
    lines.map((line) => line.replace(/^\S+ /, "").replace(/epoch 1\/2 +(step \d).*/, "$1")),
    ["model", "step 1", "step 4", "step 5", "an error", ""],
  );
  const resumed = withLog(silentProgress(), () => time);
  resumed.record(path);
  resumed.say("again");
  assert.match(readFileSync(path, "utf8"), /an error\n\S+ again\n$/);
});

test("a log or an event file that cannot be written ends no run", ({ folder }) => {
  const log = withLog(silentProgress());
  log.record(join(folder, "missing", "log.txt"));
  log.say("x");
  openEventFile(join(folder, "missing"), 0).add(1, { "train/loss": 1 });
  assert.equal(readdirSync(folder), []);
});

/** CRC-32C bit by bit, masked. */
function maskedReference(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  const value = BigInt(~crc >>> 0);
  return Number((((value >> 15n) | ((value << 17n) & 0xffffffffn)) + 0xa282ead8n) & 0xffffffffn);
}

/** tensorflow/core/util/event.proto and framework/summary.proto, as far as they are written. */
const EVENT = protobuf
  .parse(`syntax = "proto3";
  message Value { string tag = 1; float simple_value = 2; }
  message Summary { repeated Value value = 1; }
  message SessionLog { int32 status = 1; }
  message Event {
    double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; SessionLog session_log = 7;
  }`)
  .root.lookupType("Event");

interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  summary?: { value: { tag: string; simpleValue: number }[] };
  sessionLog?: { status: number };
}

function readEvents(path: string): ReadEvent[] {
  const bytes = readFileSync(path);
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.is(bytes.readUInt32LE(at + 8), maskedReference(bytes.subarray(at, at + 8)), "CRC of the length");
    assert.is(bytes.readUInt32LE(at + 12 + length), maskedReference(data), "CRC of the data");
    events.push(EVENT.toObject(EVENT.decode(data), { longs: Number }) as ReadEvent);
    at += 16 + length;
  }
  return events;
}

test("an event file has the version, the start, and the scalars of its steps, as TensorBoard reads them", ({
  folder,
}) => {
  mkdirSync(join(folder, "run"));
  const file = openEventFile(join(folder, "run"), 240);
  file.add(241, {
    "train/loss": 1.5,
    "train/lr": 2 ** -20,
    "train/none": undefined,
    "train/nan": Number.NaN,
  });
  file.add(242, { "train/nan": Number.POSITIVE_INFINITY });
  file.add(300_000_000_000, { "val/top1": 71.25 });
  const [name = ""] = readdirSync(join(folder, "run"));
  assert.match(name, /^events\.out\.tfevents\.\d{10}\./);
  const [version, start, ...steps] = readEvents(join(folder, "run", name));
  assert.is(version?.fileVersion, "brain.Event:2");
  assert.equal([start?.step, start?.sessionLog?.status], [241, 1]);
  assert.ok(Math.abs((start?.wallTime as number) - Date.now() / 1000) < 60);
  assert.equal(
    steps.map(({ step, summary }) => [step, summary?.value]),
    [
      [
        241,
        [
          { tag: "train/loss", simpleValue: 1.5 },
          { tag: "train/lr", simpleValue: 2 ** -20 },
        ],
      ],
      [300_000_000_000, [{ tag: "val/top1", simpleValue: 71.25 }]],
    ],
  );
});

test.run();
