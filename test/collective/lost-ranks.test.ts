// Lost ranks: processes that are killed, stopped and started again, among others that go on.

import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ErrorRecord } from "../../runtime/errors.js";
import { PIECES, trainAlone } from "./miniature.js";

interface Report {
  address?: string;
  formed?: { rank: number; world: number; generation: number };
  step?: number;
  line?: string;
  digest?: string;
  lost?: ErrorRecord;
  error?: ErrorRecord;
}

interface Rank {
  child: ChildProcess;
  reports: Report[];
  /** Goes on to this step. */
  goTo(step: number): void;
  /** The first report that fits, of those that came and those to come. */
  until(fits: (report: Report) => unknown): Promise<Report>;
}

const test = suite<{ children: ChildProcess[] }>("lost ranks");

test.before((context) => {
  context.children = [];
});
test.after.each(({ children }) => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const script = fileURLToPath(new URL("./rank-process.js", import.meta.url));
const OPTIONS = { world: 4, pieces: PIECES, waitSeconds: 20, timeoutSeconds: 2, facts: {} };

/** JSON has no infinity. */
const NEVER = 1e9;

function startRank(children: ChildProcess[], options: object, steps: number, hold = NEVER): Rank {
  const child = fork(script, [JSON.stringify({ ...OPTIONS, ...options }), `${steps}`, `${hold}`]);
  children.push(child);
  const reports: Report[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
  };
  child.on("message", (report: Report) => {
    reports.push(report);
    wake();
  });
  let hasEnded = false;
  child.on("exit", () => {
    hasEnded = true;
    wake();
  });
  return {
    child,
    reports,
    goTo: (step) => void child.send({ hold: step }),
    until: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = reports.find(fits);
          if (!found && !hasEnded) return;
          waiting.delete(look);
          if (found) resolve(found);
          else reject(new Error(`the rank ended: ${JSON.stringify(reports.slice(-3))}`));
        };
        waiting.add(look);
        look();
      }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const hasStep = (step: number) => (report: Report) => (report.step ?? -1) >= step;
const isEnd = ({ digest, error }: Report) => digest !== undefined || error !== undefined;
const hasWorld =
  (world: number, generation: number) =>
  ({ formed }: Report) =>
    formed?.world === world && formed.generation >= generation;

async function digestAlone(steps: number): Promise<string> {
  return createHash("sha256")
    .update(await trainAlone(steps))
    .digest("hex");
}

const isLost = ({ lost }: Report) => lost?.code === "collective/peer-lost";

test("4 ranks, then 2, then 4 again: the weights are those of one process", async ({ children }) => {
  const steps = 20;
  const first = startRank(children, { master: "127.0.0.1:0", rank: 0, waitSeconds: 3 }, steps, 3);
  const { address: master } = await first.until(({ address }) => address);
  const join = (rank: number) => startRank(children, { master, rank }, steps);
  const others = [1, 2, 3].map(join);
  await first.until(hasWorld(4, 1));
  await first.until(hasStep(3));
  others[1].child.kill("SIGKILL");
  others[2].child.kill("SIGKILL");
  first.goTo(10);
  await first.until(hasWorld(2, 2));
  const { lost } = await first.until(isLost);
  assert.match(lost?.message ?? "", /^rank [123] \(127\.0\.0\.1:\d+\) is lost: its connection closed$/);
  await first.until(hasStep(10));
  const returned = [2, 3].map(join);
  await others[0].until(({ lost }) => lost?.code === "collective/peer-joined");
  first.goTo(NEVER);
  await first.until(hasWorld(4, 3));
  const expected = await digestAlone(steps);
  for (const rank of [first, others[0], ...returned])
    assert.equal((await rank.until(isEnd)).digest, expected, JSON.stringify(rank.reports.slice(-3)));
});

test("a rank that is stopped is named with its seconds of silence, and the others go on", async ({
  children,
}) => {
  const steps = 10;
  const options = { world: 2, waitSeconds: 3 };
  const first = startRank(children, { ...options, master: "127.0.0.1:0", rank: 0 }, steps, 3);
  const { address: master } = await first.until(({ address }) => address);
  const second = startRank(children, { ...options, master, rank: 1 }, steps);
  await first.until(hasWorld(2, 1));
  await first.until(hasStep(3));
  second.child.kill("SIGSTOP");
  first.goTo(NEVER);
  const { lost } = await first.until(isLost);
  assert.match(lost?.message ?? "", /^rank 1 \(127\.0\.0\.1:\d+\) is lost: .*silent for [\d.]+ s\)?$/);
  assert.equal((await first.until(isEnd)).digest, await digestAlone(steps));
});

test("rank 0 is killed and started again: it gets the state of the others", async ({ children }) => {
  const steps = 10;
  const options = { master: `127.0.0.1:${await freePort()}`, world: 2 };
  const first = startRank(children, { ...options, rank: 0 }, steps, 3);
  const second = startRank(children, { ...options, rank: 1 }, steps);
  await second.until(hasStep(3));
  first.child.kill("SIGKILL");
  await new Promise((resolve) => first.child.once("exit", resolve));
  const again = startRank(children, { ...options, rank: 0 }, steps);
  const expected = await digestAlone(steps);
  for (const rank of [second, again]) assert.equal((await rank.until(isEnd)).digest, expected);
  const generations = second.reports.flatMap(({ formed }) => (formed ? [formed.generation] : []));
  assert.equal(generations, [1, 2]);
  assert.is(again.reports.find((report) => report.step !== undefined)?.step, 4);
});

test("without rank 0, the others end with a typed error after the wait", async ({ children }) => {
  const first = startRank(children, { master: "127.0.0.1:0", rank: 0, world: 2 }, 10, 1);
  const { address: master } = await first.until(({ address }) => address);
  const second = startRank(children, { master, rank: 1, world: 2, waitSeconds: 1 }, 10);
  await second.until(hasStep(1));
  first.child.kill("SIGKILL");
  const { error } = await second.until(isEnd);
  assert.is(error?.code, "collective/timeout");
  assert.match(error?.message ?? "", /rank 0 did not answer at 127\.0\.0\.1:\d+ for 1 s/);
});

test.run();
