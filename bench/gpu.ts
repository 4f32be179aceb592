// Bench of a GPU: parity on the device, then images/s of forward passes and training steps on every tier, compared with
// PyTorch and tfjs-webgpu.
//
// `npm run bench -- gpu`, or `node dist/bench/run.js gpu` where there is no npm. Needs no network. One peer at a time uses
// the GPU, each in its own process, since several models at their largest batch sizes would not fit together. The most
// important rows run first, and gpu.json and gpu.md are written after every row.

import { wholeNumber } from "../bin/options.js";
import { type GpuTier, offeredTiers } from "../runtime/executors/webgpu/tier.js";
import { listAdapters } from "../runtime/host/adapters.js";
import type { GpuAdapter } from "../runtime/host/gpu-adapter.js";
import { nodeHost } from "../runtime/host/node.js";
import { describeMachine, findTorch } from "./gpu/machine.js";
import { BATCHES, type GpuOptions, gpuOptions } from "./gpu/options.js";
import { type TierParity, tierParity } from "./gpu/parity.js";
import { InputCache, peerCommand } from "./gpu/peers.js";
import { implementationName, type Mode, type PlannedRow, planParity, planRows } from "./gpu/plan.js";
import type { GpuReport } from "./gpu/report.js";
import { assemble, markdown, writeReport } from "./gpu/report.js";
import { type Outcome, type RowOutcome, runRows, TimeBudget } from "./gpu/schedule.js";
import { compare, type Limit } from "./peers/comparison.js";

/** Parity compiles every kernel and runs every case: its limit is that of this many rows. */
const PARITY_ROWS = 3;

function chosenAdapter(adapters: readonly GpuAdapter[], wanted: string | undefined): GpuAdapter {
  const adapter =
    wanted === undefined
      ? (adapters.find(({ software }) => !software) ?? adapters[0])
      : adapters.find(({ index, name }) => String(index) === wanted || name.includes(wanted));
  if (!adapter) throw new Error(`bench: no adapter ${wanted ?? ""} among ${adapters.length} (--adapter)`);
  return adapter;
}

/** The tiers named by --tiers, or all. Throws where the adapter does not offer one of them. */
function chosenTiers(adapter: GpuAdapter, wanted: string | undefined): GpuTier[] {
  const offered = offeredTiers(adapter).map(({ name }) => name);
  if (wanted === undefined) return offered;
  return wanted.split(",").map((word) => {
    const tier = offered.find((name) => name === word);
    if (tier) return tier;
    throw new Error(`bench: ${adapter.name} has no tier ${word}; it has ${offered.join(", ")} (--tiers)`);
  });
}

function wantedRows(options: GpuOptions, tiers: readonly GpuTier[]): PlannedRow[] {
  const peers = options.peers.split(",");
  const batches = (mode: Mode) =>
    (options.batches ?? BATCHES[mode]).split(",").map(wholeNumber("--batches", { min: 1 }));
  return planRows({
    models: options.models.split(","),
    modes: options.modes.split(",") as Mode[],
    batches,
    tiers,
    pytorch: peers.includes("pytorch"),
    tfjs: peers.includes("tfjs"),
  });
}

/** What all rows of a run have in common. */
interface Bench {
  options: GpuOptions;
  device: string;
  /** Python interpreter with torch; undefined where there is none. */
  python: string | undefined;
  inputs: InputCache;
}

async function runRow(
  { options, device, python, inputs }: Bench,
  row: PlannedRow,
  limit: Limit,
): Promise<RowOutcome> {
  if (row.implementation.kind === "pytorch" && python === undefined)
    return { reason: "no python3 with torch was found (--python)" };
  const { torchDevice, stepsPerCall, rounds, roundMs } = options;
  const settings = { folder: inputs.folder(row.task), device, torchDevice, stepsPerCall };
  const peer = peerCommand(row, { ...settings, python: python ?? "" });
  const { results, absent } = await compare([peer], { rounds, roundMs, limit });
  const [result] = results;
  return result ? { result } : { reason: absent[0]?.reason ?? "no result" };
}

function print({ task, implementation, ...outcome }: Outcome, stepsPerCall: number): void {
  const text =
    "reason" in outcome
      ? outcome.reason
      : `${((1000 * task.batch * stepsPerCall) / outcome.result.medianMs).toFixed(1)} images/s`;
  console.log(`${task.model} ${task.mode} ${task.batch} ${implementationName(implementation)}: ${text}`);
}

export async function main(words: readonly string[]): Promise<void> {
  const options = gpuOptions(words);
  const budget = new TimeBudget({ ...options, maxSeconds: options.maxSeconds ?? Number.POSITIVE_INFINITY });
  const adapter = chosenAdapter(await listAdapters(nodeHost()), options.adapter);
  const tiers = chosenTiers(adapter, options.tiers);
  const rows = wantedRows(options, tiers);
  const device = `webgpu:${adapter.index}`;
  const pythons = options.python === undefined ? ["python3", "/usr/bin/python3"] : [options.python];
  const machine = describeMachine(adapter, findTorch(pythons));
  console.log(`${machine.adapter}; ${machine.driver}; tiers ${tiers.join(", ")}`);

  const parity: TierParity[] = [];
  const write = (outcomes: readonly Outcome[]): GpuReport => {
    const about = { machine, stepsPerCall: options.stepsPerCall, seconds: budget.seconds, parity };
    const report = assemble(outcomes, about);
    writeReport(options.out, report);
    return report;
  };
  for (const tier of options.parity ? planParity(tiers) : []) {
    const missing = budget.exhausted;
    parity.push(
      missing ? { tier, missing } : tierParity(tier, device, options.reference, budget.limit(PARITY_ROWS)),
    );
    console.log(JSON.stringify(parity.at(-1)));
    write([]);
  }
  const inputs = new InputCache();
  const bench = { options, device, python: machine.torch?.python, inputs };
  const outcomes = await runRows(
    rows,
    budget,
    (row, limit) => runRow(bench, row, limit),
    (soFar) => {
      print(soFar.at(-1) as Outcome, options.stepsPerCall);
      write(soFar);
    },
  ).finally(() => inputs.clear());
  const report = write(outcomes);
  console.log(`\n${markdown(report)}`);
  if (options.json) console.log(JSON.stringify(report));
  if (parity.some((each) => "missing" in each || each.failed > 0)) process.exitCode = 1;
}
