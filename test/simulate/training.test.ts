// Training simulation: in each limit the prediction is what arithmetic says, and between them it is what a simulation of
// every frame on every link says.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Line, Timeline } from "../../bin/simulate/events.js";
import { allReduceSeconds, predictRanks, predictStep, type RankedStep } from "../../bin/simulate/training.js";
import { runVitrine } from "../data/server-process.js";

const STEP: RankedStep = {
  ...{ ranks: 4, pieces: 8, pieceSeconds: 0.5, applySeconds: 0, gradientBytes: 88e6, frameBytes: 524_288 },
  ...{ latency: 1e-4, rate: 125e6, syncEvery: 1 },
};

function near(found: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(found / expected - 1) < tolerance, `${what}: ${found}, expected ${expected}`);
}

/** Every frame on every link: rank r sends to rank r + 1, a link sends one frame after another, totals before sums. */
function simulateFrames({ ranks, gradientBytes, frameBytes, latency, rate }: RankedStep): number {
  const timeline = new Timeline();
  const links = Array.from({ length: ranks }, () => ({
    line: new Line(),
    totals: 0,
    waiting: [] as (() => void)[],
  }));
  const frames = Math.ceil(gradientBytes / frameBytes);
  const bytesOf = (frame: number): number => Math.min(frameBytes, gradientBytes - frame * frameBytes);
  let left = frames * ranks;
  let end = 0;
  const arrived = (): void => {
    left--;
    end = timeline.now;
  };
  const send = (rank: number, frame: number, pass: number): void => {
    const done = links[rank].line.take(timeline.now, bytesOf(frame) / rate);
    timeline.at(done + latency, () => receive((rank + 1) % ranks, frame, pass));
  };
  const receive = (rank: number, frame: number, pass: number): void => {
    if (pass === 1 && rank < ranks - 1) {
      send(rank, frame, 1);
      return;
    }
    // The last rank has the total; it goes on until the rank before the last has it, too.
    arrived();
    if (rank !== ranks - 2) send(rank, frame, 2);
  };
  // A sender is asked for its next frame when the link is free, so that totals are not behind all sums of rank 0.
  const start = (frame: number): void => {
    if (frame === frames) return;
    const done = links[0].line.take(timeline.now, bytesOf(frame) / rate);
    timeline.at(done + latency, () => receive(1, frame, 1));
    timeline.at(done, () => start(frame + 1));
  };
  start(0);
  timeline.run(() => left === 0);
  return end;
}

test("an all-reduce takes as long as a simulation of its frames, or one round more where a link alternates badly", () => {
  for (const ranks of [2, 3, 4, 8])
    for (const gradientBytes of [1000, ...[1, 10, 168, 656].map((frames) => frames * STEP.frameBytes)])
      for (const latency of [0, 1e-4, 0.01])
        for (const rate of [12.5e6, 125e6, 1.25e9]) {
          const step = { ...STEP, ranks, gradientBytes, latency, rate };
          const what = JSON.stringify({ ranks, gradientBytes, latency, rate });
          const [found, simulated] = [allReduceSeconds(step), simulateFrames(step)];
          const round = ranks * (latency + Math.min(step.frameBytes, gradientBytes) / rate);
          assert.ok(
            simulated > 0.99 * found && simulated < 1.01 * found + round,
            `${what}: ${found}, ${simulated}`,
          );
          if (gradientBytes / rate > 20 * round) near(found, simulated, 0.03, what);
        }
});

test("no bytes or an infinite network: as many times as fast as there are ranks", () => {
  for (const limit of [
    { rate: Number.POSITIVE_INFINITY, latency: 0 },
    { gradientBytes: 1e-9, latency: 0 },
  ])
    for (const ranks of [1, 2, 4, 8]) {
      const { speedup, efficiency } = predictStep({ ...STEP, ...limit, ranks });
      near(speedup, ranks, 1e-9, `${ranks} ranks`);
      near(efficiency, 1, 1e-9, `${ranks} ranks`);
    }
});

test("no computation: the step is the exchange, which no number of ranks makes longer than twice the bytes and the hops", () => {
  for (const ranks of [2, 4, 8]) {
    const step = { ...STEP, ranks, pieceSeconds: 0 };
    const predicted = predictStep(step);
    assert.is(predicted.step, allReduceSeconds(step));
    assert.is(predicted.speedup, 0);
    const bound = (2 * step.gradientBytes) / step.rate;
    const hops = 2 * (ranks - 1) * (step.latency + step.frameBytes / step.rate);
    assert.ok(predicted.step <= bound + hops);
  }
});

test("latency alone: two rounds of the chain, whatever the bytes", () => {
  const far = { ...STEP, latency: 0.05, rate: Number.POSITIVE_INFINITY };
  for (const ranks of [2, 3, 8])
    near(allReduceSeconds({ ...far, ranks }), 2 * (ranks - 1) * 0.05, 1e-9, `${ranks}`);
});

test("one rank exchanges nothing; the busiest link carries the gradient once between two ranks, and twice among more", () => {
  const bytes = [1, 2, 4, 8].map((ranks) => predictStep({ ...STEP, ranks }).linkBytes);
  assert.equal(bytes, [0, 88e6, 176e6, 176e6]);
  assert.is(predictStep({ ...STEP, ranks: 1 }).exchange, 0);
});

test("what every rank does is not divided: the optimizer bounds the speedup", () => {
  const step = { ...STEP, rate: Number.POSITIVE_INFINITY, latency: 0, applySeconds: 0.5, ranks: 8 };
  near(predictStep(step).speedup, 4.5 / 1, 1e-9, "half a second of each step");
});

test("fewer exchanges cost less in proportion", () => {
  const each = predictStep(STEP);
  const rare = predictStep({ ...STEP, syncEvery: 50 });
  near(rare.exchange, each.exchange / 50, 1e-9, "seconds");
  near(rare.linkBytes, each.linkBytes / 50, 1e-9, "bytes");
});

test("a faster network is never slower, and only worlds that divide the pieces are predicted", () => {
  let before = Number.POSITIVE_INFINITY;
  for (const gbps of [0.1, 1, 10, 100]) {
    const { step } = predictStep({ ...STEP, rate: (1e9 * gbps) / 8 });
    assert.ok(step < before);
    before = step;
  }
  assert.equal(
    predictRanks({ ...STEP, pieces: 12 }, 8).map(({ ranks }) => ranks),
    [1, 2, 3, 4, 6],
  );
});

test("vitrine simulate --train prints a table of at most 80 columns and a line of JSON, and refuses what cannot be", async () => {
  const flags = ["simulate", "--train", "--trainers", "8", "--batch-size", "512", "--piece-ms", "900"];
  const json = await runVitrine([...flags, "--network-gbps", "1", "--json"]);
  assert.is(json.status, 0, json.errors);
  const { step, ranks } = JSON.parse(json.output) as { step: RankedStep; ranks: { ranks: number }[] };
  assert.is(step.gradientBytes, 4 * 22_050_664, "DeiT-S");
  assert.is(step.pieces, 8);
  assert.equal(
    ranks.map((row) => row.ranks),
    [1, 2, 4, 8],
  );
  const cases: [string[], RegExp][] = [
    [["--network-gbps", "1"], /limit +the network: larger batches/],
    [["--network-gbps", "100"], /limit +computation/],
    [["--network-gbps", "100", "--network-ms", "200"], /limit +latency/],
    [["--network-gbps", "100", "--apply-ms", "900"], /limit +the optimizer/],
    [["--trainers", "1"], /limit +computation: one rank/],
  ];
  for (const [more, words] of cases) {
    const { status, output, errors } = await runVitrine([...flags, ...more]);
    assert.is(status, 0, errors);
    assert.match(output, words);
    for (const line of output.split("\n")) assert.ok(line.length <= 80, line);
  }
  const halved = await runVitrine([
    ...flags,
    "--parameters",
    "1000",
    "--ring-transport",
    "bfloat16",
    "--json",
  ]);
  assert.is(JSON.parse(halved.output).step.gradientBytes, 2000);
  const odd = await runVitrine([...flags, "--pieces", "7"]);
  assert.match(odd.errors, /^vitrine: usage\/rank: /);
  const unknown = await runVitrine([...flags, "--model", "deit_smal"]);
  assert.match(
    unknown.errors,
    /^vitrine: model\/unknown: --model deit_smal: no published model; similar: deit_small/,
  );
});

/** Cells of the rows of docs/scaling.md that begin with `start`, without thousands separators and units. */
function rowsOf(text: string, start: RegExp): string[][] {
  const rows = text.split("\n").filter((line) => line.startsWith("| ") && start.test(line.slice(2)));
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll(",", "")),
  );
}

test("the tables and the example of docs/scaling.md are what the command predicts", async () => {
  const text = readFileSync(fileURLToPath(new URL("../../../docs/scaling.md", import.meta.url)), "utf8");
  const names: Record<string, string> = { "DeiT-Ti": "tiny", "DeiT-S": "small", "DeiT-B": "base" };
  const rates = [0.1, 1, 10, 25, 100].map((gbps) => (1e9 * gbps) / 8);
  const sizes = new Map<string, number>();
  const exchanges = rowsOf(text, /^DeiT-/);
  assert.is(exchanges.length, 6);
  for (const [what, megabytes, ...cells] of exchanges) {
    const [, model, count] = /^(\S+) (\d) ranks$/.exec(what) as RegExpExecArray;
    const flags = ["--model", `deit_${names[model]}_patch16_224`, "--trainers", count, "--json"];
    const found =
      sizes.get(model) ??
      JSON.parse((await runVitrine(["simulate", "--train", ...flags])).output).step.gradientBytes;
    sizes.set(model, found);
    assert.is(megabytes, (found / 1e6).toFixed(1));
    const step = { ...STEP, ranks: Number(count), gradientBytes: found };
    assert.equal(
      cells,
      rates.map((rate) => `${Math.round(1000 * allReduceSeconds({ ...step, rate }))}`),
      what,
    );
  }
  const efficiencies = rowsOf(text, /^[\d.]+ s /);
  assert.is(efficiencies.length, 4);
  for (const [seconds, ...cells] of efficiencies) {
    const step = { ...STEP, ranks: 8, gradientBytes: sizes.get("DeiT-S") as number };
    const predicted = rates.map((rate) =>
      predictStep({ ...step, rate, pieceSeconds: Number.parseFloat(seconds) }),
    );
    assert.equal(
      cells,
      predicted.map(({ efficiency }) => `${Math.round(100 * efficiency)}%`),
      seconds,
    );
  }
  const command = /^vitrine (simulate --train .*)$/m.exec(text)?.[1] as string;
  const { output } = await runVitrine(command.split(" "));
  for (const line of output.split("\n").slice(0, -4)) assert.ok(text.includes(`\n${line}\n`), line);
});

test.run();
