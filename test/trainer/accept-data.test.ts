// Accepted data: a resumed run refuses another data set, says how to accept it, and records what it accepted.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DrawMath } from "../../runtime/draw/random.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { acceptData, connectAgain } from "../../trainer/accept-data.js";
import { loadState } from "../../trainer/checkpoint/load.js";
import { train } from "../../trainer/core/loop.js";
import { resumed } from "./fake-checkpoints.js";
import { FakeSource, fakeRun, fakeSettings } from "./fake-run.js";
import { drawMath } from "./tiny-model.js";

const test = suite<{ folder: string; math: DrawMath }>("accept data");

test.before(async (context) => {
  context.math = await drawMath();
});

test.before.each((context) => {
  context.folder = mkdtempSync(`${tmpdir()}/vitrine-accept-`);
});

test.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }));

const LABELS = ["a", "b", "c"];

/** Another data set than the fake source's; epochs of `batches`. */
function changedSource(batches: number, classes = LABELS): FakeSource {
  const source = new FakeSource();
  const description = { ...source.description, fingerprint: "e".repeat(64), samples: 4 * batches, classes };
  return Object.assign(source, { description, batchesPerEpoch: batches });
}

/** Refuses another fingerprint, as the client does. */
function connectTo(source: FakeSource) {
  return async ({ fingerprint }: { fingerprint?: string }) => {
    if (fingerprint !== undefined && fingerprint !== source.description.fingerprint)
      throw new VitrineError("data/fingerprint-changed", "it serves the data set eeee…");
    return source;
  };
}

test("another data set is refused with both remedies, and accepted when asked for", async ({
  folder,
  math,
}) => {
  const { state } = fakeRun(folder, math);
  const connect = connectTo(changedSource(5));
  const error = await connectAgain(connect, {}, state).catch((reason: unknown) => reason);
  assert.ok(isVitrineError(error) && error.code === "data/fingerprint-changed");
  assert.match(
    error.message,
    /^it serves .*--resume --accept-data;.*data server runs with --bad-samples skip$/,
  );
  const source = await connectAgain(connect, { acceptData: true }, state);
  assert.is(source.description.fingerprint, "e".repeat(64));
});

test("any other failure of a connection stays as it is", async ({ folder, math }) => {
  const { state } = fakeRun(folder, math);
  const away = new VitrineError("network/no-data-server", "no data server answers");
  const connect = () => Promise.reject(away);
  assert.is(await connectAgain(connect, {}, state).catch((reason: unknown) => reason), away);
});

test("what changed is said and recorded, and classes are matched again", ({ folder, math }) => {
  const { state } = fakeRun(folder, math);
  state.step = 7;
  const lines = acceptData(state, changedSource(6, ["c", "a", "b"]), LABELS);
  assert.is(
    lines[0],
    `data changed: ${"e".repeat(12)}… with 24 images, until step 7 ${"f".repeat(12)}… with 21 images`,
  );
  assert.equal(state.classMap, [2, 0, 1]);
  assert.equal(state.acceptedData, [{ step: 7, fingerprint: "e".repeat(64), samples: 24 }]);
  assert.equal(
    acceptData(state, changedSource(6, ["c", "a", "b"]), LABELS),
    [],
    "the second time nothing has changed",
  );
  assert.throws(
    () => acceptData(fakeRun(folder, math).state, changedSource(6, ["x", "y"]), LABELS),
    (error: unknown) => isVitrineError(error) && error.code === "data/labels",
  );
});

test("a run that stopped behind the end of the new epoch still ends that epoch, with its validation", async ({
  folder,
  math,
}) => {
  const source = new FakeSource(({ epoch, batch }) => {
    if (epoch === 0 && batch === 4) throw new VitrineError("network/data-server-gone", "it went away");
  });
  const settings = fakeSettings({ epochs: 1 });
  await train(fakeRun(folder, math, { settings, source })).catch(() => {});
  assert.equal((await loadState(folder)).cursor, { epoch: 0, batch: 4 });
  const shorter = changedSource(3);
  const again = await resumed(folder, math, { source: shorter });
  acceptData(again.state, shorter, LABELS);
  assert.equal(again.state.cursor, { epoch: 0, batch: 2 });
  await train(again);
  const { finished, validation, step, acceptedData } = await loadState(folder);
  assert.equal([finished, validation !== null, step, acceptedData.length], [true, true, 5, 1]);
});

test.run();
