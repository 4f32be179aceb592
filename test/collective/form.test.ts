// Forming: who joins, who is refused, and how a group ends and forms again.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VitrineError } from "../../runtime/errors.js";
import { errorOf } from "./error-of.js";
import { createRanks, formRanks, type Ranks } from "./ranks.js";

const test = suite<{ ranks: Ranks[] }>("forming a group");

test.before((context) => {
  context.ranks = [];
});
test.after.each(async ({ ranks }) => {
  for (const run of ranks.splice(0)) await run.close();
});

test("a rank whose facts differ is refused, with the fact and both values", async ({ ranks }) => {
  const run = createRanks(2, { facts: { version: "1", engine: "relaxed" } });
  ranks.push(run);
  await run.join();
  const other = await errorOf(run.join({ facts: { version: "1", engine: "plain" } }));
  assert.is(other.code, "collective/facts");
  assert.match(other.message, /engine is plain here and relaxed on rank 0/);
  assert.equal({ ...other.details }, { fact: "engine", here: "plain", there: "relaxed" });
  const missing = await errorOf(run.join({ facts: { version: "1" } }));
  assert.match(missing.message, /engine is none here and relaxed on rank 0/);
});

test("a world that does not divide the pieces is refused", async ({ ranks }) => {
  const run = createRanks(5);
  ranks.push(run);
  const { code, message } = await errorOf(run.join());
  assert.is(code, "collective/world");
  assert.match(message, /5 ranks cannot divide 12 pieces/);
});

test("without enough ranks, the largest number that divides the pieces goes on after the wait", async ({
  ranks,
}) => {
  const run = createRanks(6, { waitSeconds: 0.3 });
  ranks.push(run);
  for (let i = 0; i < 5; i++) await run.join();
  const spare = errorOf(run.members[4].form({ step: -1 }));
  const formed = await Promise.all(run.members.slice(0, 4).map((member) => member.form({ step: -1 })));
  assert.equal(
    formed.map(({ group }) => group.world),
    [4, 4, 4, 4],
  );
  await run.members[4].close();
  assert.is((await spare).code, "network/closed");
});

test("a rank that waits learns that the run is finished", async ({ ranks }) => {
  const run = createRanks(4, { waitSeconds: 0.3, pieces: 4 });
  ranks.push(run);
  for (let i = 0; i < 3; i++) await run.join();
  const spare = errorOf(run.members[2].form({ step: -1 }));
  await Promise.all(run.members.slice(0, 2).map((member) => member.form({ step: -1 })));
  run.members[0].finish();
  await run.members[0].close();
  assert.is((await spare).code, "collective/finished");
  assert.is((await errorOf(run.members[1].form({ step: 0 }))).code, "collective/finished");
});

test("wishes decide the order of the ranks", async ({ ranks }) => {
  const run = createRanks(3);
  ranks.push(run);
  await run.join();
  await run.join({ rank: 2 });
  await run.join({ rank: 1 });
  const formed = await run.form();
  assert.equal(
    formed.map(({ group }) => group.rank),
    [0, 2, 1],
  );
});

test("a rank that leaves is named to the others, which form again without it", async ({ ranks }) => {
  const run = await formRanks(3, { waitSeconds: 0.2 });
  ranks.push(run);
  const pending = [0, 1].map((rank) =>
    errorOf(run.formed[rank].group.allReduce([new Float32Array(10)], new Float32Array(10))),
  );
  await run.formed[2].group.leave("it is needed elsewhere");
  for (const error of await Promise.all(pending)) {
    assert.is(error.code, "collective/peer-left");
    assert.match(error.message, /rank 2 .*left: it is needed elsewhere/);
  }
  const formed = await Promise.all(run.members.slice(0, 2).map((member) => member.form({ step: 3 })));
  assert.equal(
    formed.map(({ group, step, source }) => [group.world, group.generation, step, source]),
    [
      [2, 2, 3, 0],
      [2, 2, 3, 0],
    ],
  );
});

test("a rank may leave as soon as its reduction is complete: the others complete it as well", async ({
  ranks,
}) => {
  const run = await formRanks(3);
  ranks.push(run);
  const totals = run.formed.map(async ({ group }) => {
    const into = new Float32Array(3_000_000);
    await group.allReduce([new Float32Array(into.length).fill(1)], into);
    if (group.rank === 2) await run.members[2].close();
    return into.every((value) => value === 3);
  });
  assert.equal(await Promise.all(totals), [true, true, true]);
  const later = await errorOf(run.formed[0].group.sumScalars([Float64Array.of(1)]));
  assert.is(later.code, "collective/peer-left");
});

test("a group that could be larger ends when another rank comes", async ({ ranks }) => {
  const run = createRanks(2, { waitSeconds: 0.1, timeoutSeconds: 1 });
  ranks.push(run);
  await run.join();
  const [{ group }] = await run.form();
  assert.is(group.world, 1);
  const late = await run.join();
  const formed = late.form({ step: -1 });
  while (!group.ended) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is((group.ended as VitrineError).code, "collective/peer-joined");
  assert.is((await run.members[0].form({ step: 0 })).group.world, 2);
  assert.is((await formed).step, 0);
});

test("ranks that disagree about a reduction both learn what the other one has", async ({ ranks }) => {
  const run = await formRanks(2);
  ranks.push(run);
  const errors = await Promise.all(
    run.formed.map(({ group }, rank) =>
      errorOf(group.allReduce([new Float32Array(10 + rank)], new Float32Array(10 + rank))),
    ),
  );
  for (const { code, message } of errors) {
    assert.is(code, "collective/mismatch");
    assert.match(message, /reduction 0 of 10 float32 values; here it is reduction 0 of 11 float32 values/);
  }
});

test("a rank that is behind fetches the state of the newest one", async ({ ranks }) => {
  const run = await formRanks(3);
  ranks.push(run);
  const parts = [
    { name: "state.json", bytes: new TextEncoder().encode('{"step":7}') },
    { name: "empty", bytes: new Uint8Array(0) },
    { name: "weights", bytes: Uint8Array.from({ length: 3_000_001 }, (_, i) => i * 7) },
  ];
  run.members[1].serveState(async () => parts);
  const formed = await run.form([-1, 7, 6]);
  for (const { source, step } of formed) assert.equal([source, step], [1, 7]);
  const state = await run.members[0].fetchState(1);
  assert.equal([...state.keys()], ["state.json", "empty", "weights"]);
  for (const { name, bytes } of parts) assert.ok(Buffer.from(bytes).equals(state.get(name) as Uint8Array));
});

test.run();
