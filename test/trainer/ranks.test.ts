// Ranks: a run in several processes ends with the weights of one process, bit for bit, however many there are and whatever
// becomes of them on the way.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { freePort } from "../../bin/child-command.js";
import { packageVersion } from "../../bin/command-line.js";
import { joinRun } from "../../client/node/collective/join-run.js";
import { collectiveServer } from "../../server/collective-server.js";
import { createRankedRun, PIECES, type RankedRun } from "./ranked-run.js";
import { reachStep, readMetrics, startTrainer, type TrainerProcess } from "./trainer-process.js";

interface Context {
  ranked: RankedRun;
  /** The run of one process. */
  expected: Run;
}

/** What must not depend on the processes. */
interface Run {
  files: Record<string, string>;
  state: Record<string, unknown>;
  metrics: Record<string, string>[];
}

const test = suite<Context>("ranks");

const STEPS = 24;

function readRun({ ranked }: Context, name: string): Run {
  const state = JSON.parse(readFileSync(join(ranked.folder, name, "last/state.json"), "utf8"));
  const metrics = readMetrics(join(ranked.folder, name)).map(
    // What is measured by the clock.
    ({ images_per_second: _speed, data_wait: _wait, ...row }) => row,
  );
  assert.is(state.owedValidation, null);
  return { files: ranked.digests(name), state, metrics };
}

async function finish(trainer: TrainerProcess): Promise<void> {
  assert.is(await trainer.ended, 0, trainer.errors() + trainer.output());
}

function expectSame(found: Run, { files, state, metrics }: Run): void {
  assert.equal(found.files, files);
  assert.equal(found.state, state);
  assert.equal(found.metrics, metrics);
}

test.before(async (context) => {
  context.ranked = await createRankedRun();
  await context.ranked.trainAlone("one", STEPS);
  context.expected = readRun(context, "one");
});

test.after(({ ranked }) => ranked.remove());

for (const processes of [2, 4])
  test(`${processes} processes end with the weights of one`, async (context) => {
    const name = `processes-${processes}`;
    await finish(startTrainer([...context.ranked.flags(name, STEPS), "--processes", `${processes}`]));
    expectSame(readRun(context, name), context.expected);
    const table = readFileSync(join(context.ranked.folder, name, "ranks.csv"), "utf8");
    const rows = table.trim().split("\n").slice(1);
    // Each step's times come with the next one.
    assert.is(rows.length, processes * (STEPS - 1));
    const isMeasured = (row: string) => row.split(",").every((cell) => Number(cell) >= 0);
    assert.ok(rows.every(isMeasured), table);
  });

interface Ranks {
  first: TrainerProcess;
  others: TrainerProcess[];
  start(rank: number): TrainerProcess;
}

/** Rank 0 waits so many seconds for the others, which wait longer for it: a busy machine starts it late. */
async function startRanks({ ranked }: Context, run: string, wait: number, ...more: string[]): Promise<Ranks> {
  const place = ["--world", "4", "--master", `127.0.0.1:${await freePort()}`, "--ranks-timeout", "20"];
  const start = (rank: number) => {
    const own = ["--rank", `${rank}`, "--wait-for-ranks", `${rank === 0 ? wait : 120}`];
    return startTrainer([...ranked.flags(run, STEPS), ...place, ...own, ...more]);
  };
  const first = start(0);
  return { first, others: [1, 2, 3].map(start), start };
}

const kill = async ({ process, ended }: TrainerProcess): Promise<void> => {
  process.kill("SIGKILL");
  await ended;
};

test("ranks that are killed and come back change no bit", async (context) => {
  const { first, others, start } = await startRanks(context, "killed", 120);
  for (const [at, step] of [3, 9, 16].entries()) {
    await reachStep(first, join(context.ranked.folder, "killed"), step);
    await kill(others[at]);
    others[at] = start(at + 1);
  }
  for (const one of [first, ...others]) await finish(one);
  assert.match(first.output(), /4 ranks from step (9|1\d) on/);
  expectSame(readRun(context, "killed"), context.expected);
});

test("where a rank stays away, two go on as four, and the one that waits ends with them", async (context) => {
  const { first, others } = await startRanks(context, "fewer", 6);
  await reachStep(first, join(context.ranked.folder, "fewer"), 5);
  await kill(others[2]);
  for (const one of [first, others[0], others[1]]) await finish(one);
  assert.match(first.output(), /2 ranks from step \d+ on/);
  assert.match(others[1].errors(), /rank 0 has finished the run; this rank was waiting for a group\n$/);
  expectSame(readRun(context, "fewer"), context.expected);
});

test("the process that keeps the run is killed, and continues with the state that the others have", async (context) => {
  const ranks = await startRanks(context, "kept", 120, "--resume-if-any");
  await reachStep(ranks.first, join(context.ranked.folder, "kept"), 8);
  await kill(ranks.first);
  const again = ranks.start(0);
  for (const one of [again, ...ranks.others]) await finish(one);
  const { files, state } = readRun(context, "kept");
  // Rows of the steps after the last checkpoint are lost with the process.
  expectSame({ files, state, metrics: [] }, { ...context.expected, metrics: [] });
});

test("a rank that is lost while it hands its state over ends no other one", async (context) => {
  const { ranked } = context;
  const master = `127.0.0.1:${await freePort()}`;
  const place = ["--rank", "0", "--world", "2", "--master", master, "--wait-for-ranks", "4"];
  const first = startTrainer([...ranked.flags("handed", STEPS), ...place]);
  const member = await joinRun({
    ...{ master, rank: 1, world: 2, pieces: PIECES, waitSeconds: 60, say: () => {} },
    facts: { version: packageVersion(), "checkpoint-every": "5" },
    serve: collectiveServer({}, () => {}),
  });
  const asked = new Promise<void>((resolve) => {
    member.serveState(() => {
      resolve();
      return new Promise(() => {});
    });
  });
  await member.form({ step: 1000 });
  await asked;
  await member.close();
  await finish(first);
  assert.match(first.output(), /^rank 1 \(127\.0\.0\.1:\d+\) left: it leaves the run$/m);
  assert.match(first.output(), /^1 rank from step 0 on$/m);
  expectSame(readRun(context, "handed"), context.expected);
});

test.run();
