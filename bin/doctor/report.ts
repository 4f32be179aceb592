// Report: the doctor's findings as text, a section per part of the machine, the device of `--device auto` last.

import pico from "picocolors";
import { formatBytes } from "../../runtime/bytes.js";
import type { CalibratedBlock } from "../../runtime/executors/executor.js";
import { describeAdapter } from "../../runtime/host/gpu-adapter.js";
import type { AdapterFacts, CoreFacts, EngineFacts, FoundAdapter, MemoryFacts } from "./facts.js";

export interface Findings {
  vitrine: string;
  engine: EngineFacts;
  cores: CoreFacts;
  /** Of the wasm executor. */
  calibration: readonly CalibratedBlock[];
  /** The wasm executor in one line. */
  wasm: string;
  memory: MemoryFacts;
  adapters: AdapterFacts;
  /** Version of the optional package that reads data sets at s3:// and gs://; null without it. */
  s3: string | null;
  /** The device that `--device auto` chooses here, for training. */
  auto: { device: string; description: string };
}

const LABEL_WIDTH = 16;
const label = (name: string, text: string): string => `  ${name.padEnd(LABEL_WIDTH)}${text}`;
const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function simdLine({ simd128, relaxedSimd, wideSimd, wideSimdReason }: EngineFacts): string {
  if (!simd128) return "none: the kernels need an engine with 128-bit SIMD";
  const fused = relaxedSimd ? "fused multiply-add" : "no fused multiply-add (relaxed SIMD is missing)";
  return `128 bits, ${fused}, ${wideSimd ? "256-bit operations" : `no 256-bit operations (${wideSimdReason})`}`;
}

function coreLine({ logical, allowed, quota, budget, sharedMemory }: CoreFacts): string {
  const usable = allowed < logical ? `${allowed} of ${logical} logical cores` : `${logical} logical cores`;
  const group = quota === null ? "no quota" : `quota of ${quota}`;
  const threads = sharedMemory ? budget : 1;
  return `${usable}, ${group}: ${threads === 1 ? "one thread" : `${threads} threads`} with --threads auto`;
}

function calibrationLines(blocks: readonly CalibratedBlock[]): string[] {
  return blocks.map(({ rows, columns, gigaflops, chosen }, i) => {
    const row = `${chosen ? "✓" : " "} ${rows}×${columns}`.padEnd(8);
    const text = `${row}${gigaflops.toFixed(1).padStart(6)} GFLOP/s`;
    return label(i === 0 ? "register block" : "", chosen ? pico.bold(text) : text);
  });
}

function memoryLines({
  machineBytes,
  limitBytes,
  availableBytes,
  wasmBytes,
  training,
}: MemoryFacts): string[] {
  const limit = limitBytes === null ? "no limit" : `limited to ${gibibytes(limitBytes)}`;
  const { bytesOf8, largestBatch, largestRecomputed } = training;
  return [
    label("machine", `${gibibytes(machineBytes)}, ${limit}, ${gibibytes(availableBytes)} available now`),
    label("wasm", `${gibibytes(wasmBytes)} left of the 4 GiB that WebAssembly addresses`),
    label(
      "training",
      `DeiT-Tiny, 224 pixels: a batch of 8 takes ${formatBytes(bytesOf8)}; ` +
        `at most ${largestBatch} fit, ${largestRecomputed} with --recompute`,
    ),
  ];
}

function tierLine({ tiers, automaticTier, software }: FoundAdapter): string {
  const names = tiers.map((tier) => (tier === automaticTier ? pico.bold(tier) : tier)).join(", ");
  const condition = software || automaticTier === "float32" ? "" : " if it passes its self-check";
  return `${names}; --gpu-tier auto chooses ${automaticTier}${condition}`;
}

function adapterLines(adapter: FoundAdapter): string[] {
  const { driver, maxBufferSize, maxStorageBufferBindingSize } = adapter;
  return [
    `  ${describeAdapter(adapter)}`,
    label("  driver", driver),
    label("  tiers", tierLine(adapter)),
    label(
      "  buffers",
      `${formatBytes(maxBufferSize)}, ${formatBytes(maxStorageBufferBindingSize)} per binding`,
    ),
  ];
}

export function reportLines(findings: Findings): string[] {
  const { vitrine, engine, cores, calibration, wasm, memory, adapters, s3, auto } = findings;
  const { node, v8, platform, arch, processor } = engine;
  return [
    `vitrine ${vitrine}, Node ${node} (V8 ${v8}), ${platform} ${arch}`,
    "",
    pico.bold("CPU"),
    label("model", processor),
    label("SIMD", simdLine(engine)),
    label("cores", coreLine(cores)),
    ...calibrationLines(calibration),
    label("executor", wasm),
    "",
    pico.bold("memory"),
    ...memoryLines(memory),
    "",
    pico.bold("GPUs"),
    ...adapters.list.flatMap(adapterLines),
    ...(adapters.reason === null ? [] : [`  none: ${adapters.reason}`]),
    "",
    pico.bold("data sets"),
    label(
      "s3://, gs://",
      s3 === null ? "not without npm install @aws-sdk/client-s3" : `@aws-sdk/client-s3 ${s3}`,
    ),
    "",
    `${pico.bold("--device auto")} chooses ${auto.description}`,
  ];
}
