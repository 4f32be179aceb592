// Faults: decode threads, servers and trainers killed at random moments; every sample must still reach the optimizer
// exactly once, in order. `npm run faults -- [N] [--seed S]`: N faults (50), divided among the scenarios.
// Exits 1 where a batch or a weight differs. `npm run faults -- serve`: hostile requests to an inference server, with
// `--only TEXT` those whose name contains TEXT. `npm run faults -- ranks [--kills N] [--seed S]`: ranks of a training in
// four processes, killed N times (20). `npm run faults -- network [--mbit 100] [--delay-ms 0]`: the steps of ranks on four hosts
// of a slow network, beside a prediction.

import { parseArgs } from "node:util";
import { createDataSet } from "../data/synthetic-data-set.js";
import { attackServer } from "../serving/hostile/program.js";
import { createChance } from "./chance.js";
import { compareNetwork } from "./network.js";
import { killRanks } from "./ranks.js";
import { divided, SCENARIOS, STREAM_SCENARIOS } from "./scenarios.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: String(Date.now() % 100_000) },
    only: { type: "string", default: "" },
    mbit: { type: "string", default: "100" },
    "delay-ms": { type: "string", default: "0" },
    kills: { type: "string", default: "20" },
  },
});
if (positionals[0] === "serve") {
  await attackServer(values.only);
  process.exit();
}
const isOfRanks = positionals[0] === "ranks";
const isOfCounts = !isOfRanks && positionals[0] !== "network";
const total = Number(isOfCounts ? (positionals[0] ?? 50) : values.kills);
const seed = Number(values.seed);
if (!(Number.isInteger(total) && total >= 1 && Number.isInteger(seed))) {
  process.stderr.write("faults: give a number of faults, and --seed a whole number\n");
  process.exit(1);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
if (positionals[0] === "network") {
  const [megabitsPerSecond, delayMs] = [values.mbit, values["delay-ms"]].map(Number);
  process.exit((await compareNetwork({ megabitsPerSecond, delayMs }, say)) ? 0 : 1);
}
say(`${total} faults, seed ${seed}`);
if (isOfRanks) process.exit((await killRanks(total, createChance(seed), say)) ? 0 : 1);

const set = createDataSet(40);
const width = Math.max(...SCENARIOS.map(({ name }) => name.length));
const counts = divided(total, SCENARIOS.length);
let done = 0;
let isEqual = true;
try {
  for (const [index, { name, run }] of SCENARIOS.entries()) {
    if (counts[index] === 0) continue;
    const start = performance.now();
    const outcome = await run(set.path, counts[index], createChance(seed + index));
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    done += outcome.faults;
    isEqual &&= outcome.equal;
    const what = index < STREAM_SCENARIOS.length ? "batches" : "steps";
    process.stdout.write(
      `${name.padEnd(width)}  ${String(outcome.faults).padStart(3)} faults  ` +
        `${String(outcome.compared).padStart(4)} ${what.padEnd(7)}  ${outcome.equal ? "equal" : "DIFFERENT"}  ${seconds} s\n`,
    );
  }
} finally {
  set.remove();
}
process.stdout.write(`${done} faults, everything ${isEqual ? "equal" : "NOT EQUAL"}\n`);
process.exitCode = isEqual ? 0 : 1;
