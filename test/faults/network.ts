// Slow network: a training on four hosts whose links have a rate and a delay, beside what `vitrine simulate --train`
// predicts from the same computation.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { trainedParameters } from "../../bin/parameter-count.js";
import { predictStep } from "../../bin/simulate/training.js";
import { FRAME_BYTES } from "../../proto/collective-codec.js";
import { createHosts } from "../collective/hosts.js";
import { createRankedRun, PIECES, type RankedRun } from "../trainer/ranked-run.js";
import { tinyConfig } from "../trainer/tiny-model.js";
import { startTrainer } from "../trainer/trainer-process.js";

const HOSTS = 4;
const STEPS = 20;
/** The first ones compile and fill queues. */
const SETTLED = 4;
/** About 1.8 million parameters: the gradient takes longer to send than to compute. */
const MODEL = { dim: 192, depth: 4, heads: 3, mlpDim: 768 };

export interface SlowNetwork {
  megabitsPerSecond: number;
  /** One way; more than 0 needs netem. */
  delayMs: number;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

/** Medians over steps and ranks of what RUN/ranks.csv has, in seconds. */
function measuredTimes(run: RankedRun, name: string): { compute: number; exchange: number; rest: number } {
  const lines = readFileSync(join(run.folder, name, "ranks.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1);
  const rows = lines.map((line) => line.split(",").map(Number)).filter(([step]) => step > SETTLED);
  const [compute, exchange, rest] = [2, 3, 4].map((column) => median(rows.map((row) => row[column])) / 1000);
  return { compute, exchange, rest };
}

/** Says measured and predicted times; false where there can be no such network. */
export async function compareNetwork(network: SlowNetwork, say: (line: string) => void): Promise<boolean> {
  const hosts = createHosts(HOSTS);
  if (typeof hosts === "string") {
    say(`no hosts: ${hosts}`);
    return false;
  }
  const run = await createRankedRun(MODEL);
  const rate = (1e6 * network.megabitsPerSecond) / 8;
  try {
    hosts.limit(rate, network.delayMs);
    const place = ["--world", `${HOSTS}`, "--master", `${hosts.addresses[0]}:29500`];
    const ranks = hosts.addresses.map((_, rank) =>
      startTrainer([...run.flags("slow", STEPS), ...place, "--rank", `${rank}`], hosts.command(rank)),
    );
    for (const { ended, errors } of ranks) {
      const status = await ended;
      if (status !== 0) throw new Error(`a rank ended with ${status}: ${errors()}`);
    }
    const { compute, exchange, rest } = measuredTimes(run, "slow");
    const gradientBytes = 4 * trainedParameters(tinyConfig(MODEL));
    const predicted = predictStep({
      ...{ ranks: HOSTS, pieces: PIECES, pieceSeconds: compute, applySeconds: rest },
      ...{ gradientBytes, frameBytes: FRAME_BYTES, latency: network.delayMs / 1000, rate, syncEvery: 1 },
    });
    const ms = (seconds: number): string => `${(1000 * seconds).toFixed(0)} ms`;
    const measured = compute + exchange + rest;
    say(
      `${HOSTS} hosts, ${network.megabitsPerSecond} Mbit/s, ${network.delayMs} ms: a gradient of ${(gradientBytes / 1e6).toFixed(1)} MB; ` +
        `a rank computes ${ms(compute)}, the rest of a step is ${ms(rest)}`,
    );
    say(`exchange  measured ${ms(exchange)}, predicted ${ms(predicted.exchange)}`);
    say(
      `step      measured ${ms(measured)}, predicted ${ms(predicted.step)}: ${(measured / predicted.step).toFixed(2)} times as long`,
    );
    return true;
  } finally {
    hosts.remove();
    run.remove();
  }
}
