// Network namespaces: a run on four hosts ends with the weights of one process, whatever the network does; a rank that is
// away for too long ends with a typed error. Skipped where no hosts can be made (root, ip and tc are needed).

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRankedRun, type RankedRun } from "../trainer/ranked-run.js";
import { reachStep, startTrainer, type TrainerProcess } from "../trainer/trainer-process.js";
import { createHosts, type Hosts } from "./hosts.js";

const HOSTS = 4;
const STEPS = 24;
const CUT_MS = 10_000;

interface Context {
  hosts: Hosts;
  ranked: RankedRun;
  running: TrainerProcess[];
  /** Seconds of the run in one process: on a busy machine ranks take longer to start. */
  pace: number;
}

const test = suite<Context>("ranks on hosts of a network");

const hosts = createHosts(HOSTS);

interface Waits {
  /** Seconds that rank 0 waits for all ranks, and that the others wait for rank 0. */
  first: number;
  others: number;
  /** Of silence. */
  timeout: number;
}

/** Resolves when the trainer has said it on standard error. */
async function hasSaid({ errors }: TrainerProcess, text: string): Promise<void> {
  while (!errors().includes(text)) await delay(20);
}

/** A rank on each host. Rank 0 starts when the others look for it, so that it need not wait long. */
async function startRanks(
  { hosts, ranked, running }: Context,
  name: string,
  { first, others, timeout }: Waits,
): Promise<TrainerProcess[]> {
  const start = (rank: number): TrainerProcess => {
    const place = ["--rank", `${rank}`, "--world", `${HOSTS}`, "--master", `${hosts.addresses[0]}:29500`];
    const waits = ["--wait-for-ranks", `${rank === 0 ? first : others}`, "--ranks-timeout", `${timeout}`];
    const trainer = startTrainer([...ranked.flags(name, STEPS), ...place, ...waits], hosts.command(rank));
    running.push(trainer);
    return trainer;
  };
  const later = [1, 2, 3].map(start);
  await Promise.all(later.map((rank) => hasSaid(rank, "waiting for rank 0")));
  return [start(0), ...later];
}

async function finish(trainer: TrainerProcess): Promise<void> {
  assert.is(await trainer.ended, 0, trainer.errors() + trainer.output());
}

if (typeof hosts === "string") process.stdout.write(`skipped: ranks on hosts of a network (${hosts})\n`);
else {
  test.before(async (context) => {
    context.hosts = hosts;
    context.running = [];
    context.ranked = await createRankedRun();
    const started = performance.now();
    await context.ranked.trainAlone("one", STEPS);
    context.pace = Math.ceil((performance.now() - started) / 1000);
    const refused = hosts.impair({ delayMs: 20, loss: 0.01 });
    if (refused !== null) process.stdout.write(`skipped: packets that are late (${refused})\n`);
  });

  test.after.each(({ running }) => {
    for (const { process } of running.splice(0)) process.kill("SIGKILL");
  });

  test.after(({ ranked }) => {
    hosts.remove();
    ranked.remove();
  });

  test("with late and lost packets and a cable that is pulled for 10 s, four hosts end with the weights of one process", async (context) => {
    const { ranked } = context;
    const ranks = await startRanks(context, "cut", { first: 60, others: 60, timeout: 3 });
    await reachStep(ranks[0], join(ranked.folder, "cut"), 8);
    hosts.cut(2);
    await delay(CUT_MS);
    hosts.mend(2);
    for (const one of ranks) await finish(one);
    assert.match(ranks[0].output(), /^rank [23] \(10\.77\.0\.[34]:\d+\) is lost: .*silent for [\d.]+ s/m);
    assert.match(ranks[0].output(), /^4 ranks from step ([89]|1\d|2\d) on/m);
    assert.equal(ranked.digests("cut"), ranked.digests("one"));
    assert.is(ranks[1].errors().match(/^warning: /gm)?.length, 1, "an open port is warned of once");
  });

  test("where two hosts are away for longer than they wait, they end with a typed error, and two go on as four", async (context) => {
    const { ranked, pace } = context;
    const others = Math.max(8, 2 * pace);
    const ranks = await startRanks(context, "parted", { first: Math.max(3, pace / 2), others, timeout: 2 });
    await reachStep(ranks[0], join(ranked.folder, "parted"), 8);
    hosts.part([2, 3]);
    for (const one of ranks.slice(0, 2)) await finish(one);
    assert.match(ranks[0].output(), /^2 ranks from step \d+ on/m);
    assert.equal(ranked.digests("parted"), ranked.digests("one"));
    for (const one of ranks.slice(2)) {
      assert.is(await one.ended, 1);
      assert.match(
        one.errors(),
        new RegExp(
          `\\nvitrine: collective/timeout: rank 0 did not answer at [\\d.:]+ for ${others} s \\(.*\\)\\n$`,
        ),
      );
    }
  });
}

test.run();
