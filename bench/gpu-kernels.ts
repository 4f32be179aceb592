// Bench of a GPU's kernels: the time of every kind of dispatch of a training step (or forward pass) on each tier, products
// in every tile of product-tile.ts and attention in every block size, so that tiles can be chosen for the GPU at hand.
//
// `npm run bench -- gpu-kernels [--model small] [--batch 64] [--mode train] [--tile 8,8,16,8,16] [--json]`

import { Command } from "commander";
import { wholeNumber } from "../bin/options.js";
import { openAdapter } from "../runtime/executors/webgpu/adapter.js";
import { WebgpuExecutor } from "../runtime/executors/webgpu/executor.js";
import { PRODUCT_TILES, type ProductTile } from "../runtime/executors/webgpu/product-tile.js";
import { GPU_TIERS, type GpuTier, tileTable } from "../runtime/executors/webgpu/tier.js";
import { nodeHost } from "../runtime/host/node.js";
import { publishedRegnety } from "../runtime/models/regnety/config.js";
import { DispatchTimer, TIMESTAMPS } from "./gpu-kernels/dispatch-timer.js";
import {
  attentionVariants,
  type DispatchKind,
  dispatchKinds,
  PRODUCTS,
  variantsOf,
} from "./gpu-kernels/dispatches.js";
import { benchConfig } from "./model-weights.js";

interface KernelOptions {
  adapter?: string;
  model: string;
  batch: number;
  mode: "forward" | "train";
  tiers: string;
  tile: [string, ProductTile][];
  products?: boolean;
  budgetMs: number;
  maxSeconds: number;
  json?: boolean;
}

/** A kind of dispatch with one tile. */
interface Row {
  tier: GpuTier;
  operation: string;
  kernel: string;
  shape: string;
  times: number;
  /** Name in product-tile.ts or as passed to --tile; of attention, a block size; empty for all other dispatches. */
  tile: string;
  /** Whether the executor uses this tile. */
  chosen: boolean;
  /** Of one dispatch; null where it could not be timed. */
  ms: number | null;
  gigaflops: number | null;
  /** GB/s, with every operand read or written once. */
  gigabytes: number | null;
  reason?: string;
}

/** Appends a tile given as PM,PN,WX,WY,STEP. */
function parseTile(text: string, before: [string, ProductTile][]): [string, ProductTile][] {
  const [PM, PN, WX, WY, STEP, ...more] = text.split(",").map(wholeNumber("--tile", { min: 1 }));
  if (PM === undefined || PN === undefined || WX === undefined || WY === undefined || STEP === undefined)
    throw new Error(`bench: --tile got "${text}"; it takes five numbers PM,PN,WX,WY,STEP`);
  if (more.length > 0 || [PM, PN, STEP].some((size) => size % 4 !== 0))
    throw new Error(`bench: --tile got "${text}"; PM, PN and STEP are multiples of 4`);
  return [...before, [text, { PM, PN, WX, WY, STEP }]];
}

function parse(words: readonly string[]): KernelOptions {
  const positive = (flag: string) => wholeNumber(flag, { min: 1 });
  return new Command("gpu-kernels")
    .option("--adapter <name>", "name or index of the adapter (webgpu:ADAPTER)")
    .option("--model <name>", "tiny, small, base, or a published name: regnety_160 …", "small")
    .option("--batch <n>", "images", positive("--batch"), 64)
    .option("--mode <mode>", "train or forward", "train")
    .option("--tiers <list>", "tiers; those that the adapter lacks are skipped", GPU_TIERS.join(","))
    .option("--tile <tile>", "additional tile PM,PN,WX,WY,STEP; repeatable", parseTile, [])
    .option("--products", "matrix products only")
    .option("--budget-ms <ms>", "time of one pass of repetitions", positive("--budget-ms"), 20)
    .option("--max-seconds <s>", "nothing is started after this", positive("--max-seconds"), 300)
    .option("--json", "end with one line of JSON")
    .parse([...words], { from: "user" })
    .opts<KernelOptions>();
}

function print({
  operation,
  kernel,
  shape,
  times,
  tile,
  chosen,
  ms,
  gigaflops,
  gigabytes,
  reason,
}: Row): void {
  const name = PRODUCTS.includes(kernel) ? operation : kernel;
  const figure = (value: number | null, digits: number) => (value?.toFixed(digits) ?? "–").padStart(9);
  const figures = [figure(ms === null ? null : 1000 * ms, 1), figure(gigaflops, 0), figure(gigabytes, 0)];
  const mark = tile === "" ? "" : `${chosen ? "✓ " : "  "}${tile}`;
  console.log(
    `${name.padEnd(30)} ${shape.padEnd(18)} ${String(times).padStart(3)}× ${figures.join(" ")}  ${mark}${reason ? ` ${reason}` : ""}`,
  );
}

async function timeKind(
  kind: DispatchKind,
  tier: GpuTier,
  timer: DispatchTimer,
  options: KernelOptions,
): Promise<Row[]> {
  const { operation, dispatch, shape, times, flops, bytes } = kind;
  const rows: Row[] = [];
  const tiles = { ...PRODUCT_TILES, ...Object.fromEntries(options.tile) };
  for (const variant of [...variantsOf(kind, tiles), ...attentionVariants(kind)]) {
    const { tile, chosen } = variant;
    const named = { tier, operation, kernel: dispatch.kernel, shape, times, tile, chosen };
    let row: Row;
    try {
      const { ms } = await timer.time(variant.dispatch, options.budgetMs);
      const rate = (count: number) => (ms > 0 ? count / ms / 1e6 : null);
      row = { ...named, ms, gigaflops: flops > 0 ? rate(flops) : null, gigabytes: rate(bytes) };
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
      row = { ...named, ms: null, gigaflops: null, gigabytes: null, reason };
    }
    print(row);
    rows.push(row);
  }
  return rows;
}

/** Every row of a tier; an empty list where the adapter lacks it. */
async function timeTier(tier: GpuTier, options: KernelOptions, end: number): Promise<Row[]> {
  const { adapter, batch, mode } = options;
  const opened = await openAdapter(nodeHost(), { adapter, tier, features: [TIMESTAMPS] });
  const executor = new WebgpuExecutor(opened, {});
  const timer = new DispatchTimer(opened.device, opened.tier);
  console.log(`\n${executor.description}: ${options.model} ${mode} ${batch}, ${timer.kind}`);
  console.log(`${"".padEnd(30)} ${"".padEnd(18)}            µs   GFLOP/s      GB/s  tile`);
  const config = publishedRegnety(options.model) ?? benchConfig(`deit_${options.model}_patch16_224`);
  const { device, software, tier: features } = opened;
  const tiles = { tiles: tileTable(software, features.half), matrix: features.matrix };
  const kinds = dispatchKinds({ config, batch, mode }, executor, device, tiles);
  const rows: Row[] = [];
  for (const kind of kinds) {
    if (options.products && kind.flops === 0) continue;
    if (performance.now() > end) {
      console.log("the time is up (--max-seconds)");
      break;
    }
    rows.push(...(await timeKind(kind, tier, timer, options)));
  }
  const whole = rows
    .filter(({ chosen }) => chosen)
    .reduce((sum, { ms, times }) => sum + (ms ?? 0) * times, 0);
  console.log(`all of the pass in the chosen tiles: ${whole.toFixed(2)} ms`);
  await executor.dispose();
  return rows;
}

export async function main(words: readonly string[]): Promise<void> {
  const options = parse(words);
  if (options.mode === "train" && publishedRegnety(options.model))
    throw new Error(
      `bench: --model ${options.model} is a teacher and has a forward pass only: use --mode forward`,
    );
  const end = performance.now() + 1000 * options.maxSeconds;
  const rows: Row[] = [];
  for (const word of options.tiers.split(",")) {
    const tier = GPU_TIERS.find((name) => name === word);
    if (!tier) throw new Error(`bench: there is no tier ${word}; allowed: ${GPU_TIERS.join(", ")} (--tiers)`);
    try {
      rows.push(...(await timeTier(tier, options, end)));
    } catch (error) {
      console.log(error instanceof Error ? error.message : String(error));
    }
  }
  const { model, batch, mode } = options;
  if (options.json) console.log(JSON.stringify({ node: process.version, model, batch, mode, rows }));
}
