// Bench of the kernels: the calibration's result, GFLOP/s of every matrix product and time per value of everything else in
// both builds, and the time of every operation of a forward pass and of a training step.
//
// Shapes are those of DeiT-Tiny at 224 (197 tokens, width 192, 3 heads) and of the small model of `npm start` (66 tokens,
// width 96, batch 32). GFLOP/s are compared with the peak that peak.ts measures in the same run, fused for the relaxed build.

import type { InstructionName, Instructions } from "../assembly/nn/generated/instructions.js";
import { Activation } from "../assembly/nn/linear-forms.js";
import { BytecodeWriter } from "../runtime/executors/wasm/bytecode-writer.js";
import { type Kernels, loadKernels } from "../runtime/executors/wasm/kernels.js";
import { nodeHost } from "../runtime/host/node.js";
import { measurePeak } from "./kernels/peak.js";
import { type ProgramTime, printPrograms, timePrograms } from "./kernels/programs.js";
import { time } from "./timing.js";

interface Row {
  build: string;
  kernel: string;
  shape: string;
  bestMs: number;
  medianMs: number;
  /** Of products. */
  gigaflops?: number;
  peakShare?: number;
  /** Of everything else: nanoseconds per value at best. */
  nanosecondsPerValue?: number;
}

interface KernelCase {
  kernel: string;
  shape: string;
  instruction: InstructionName;
  /** Float32 values of each tensor. */
  tensors: Readonly<Record<string, number>>;
  sizes: Readonly<Record<string, number>>;
  flops?: number;
  values?: number;
}

function products(m: number, k: number, n: number): KernelCase[] {
  const shape = `${m}×${k}×${n}`;
  const flops = 2 * m * k * n;
  const sizes = { m, k, n };
  const linear = { ...sizes, activation: Activation.None };
  return [
    {
      kernel: "linear",
      shape,
      instruction: "linear",
      tensors: { x: m * k, weight: n * k, bias: n, y: m * n },
      sizes: linear,
      flops,
    },
    {
      kernel: "input gradient",
      shape,
      instruction: "linearInputGradient",
      tensors: { dy: m * n, weight: n * k, dx: m * k },
      sizes,
      flops,
    },
    {
      kernel: "weight gradient",
      shape,
      instruction: "linearWeightGradient",
      tensors: { dy: m * n, x: m * k, dWeight: n * k, dBias: n },
      sizes,
      flops,
    },
  ];
}

function attentions(batch: number, tokens: number, heads: number, size: number): KernelCase[] {
  const values = batch * tokens * heads * size;
  const rows = batch * heads * tokens;
  const flops = 4 * rows * tokens * size;
  const shape = `${batch}×${tokens}, ${heads}×${size}`;
  const sizes = { batch, tokens, heads, size };
  const forward = { qkv: 3 * values, out: values, logSumExp: rows };
  const backward = {
    dOut: values,
    qkv: 3 * values,
    out: values,
    logSumExp: rows,
    dQkv: 3 * values,
  };
  return [
    { kernel: "attention", shape, instruction: "attention", tensors: forward, sizes, flops },
    {
      kernel: "attention gradient",
      shape,
      instruction: "attentionBackward",
      tensors: backward,
      sizes,
      flops: 3 * flops,
    },
  ];
}

function perValue(): KernelCase[] {
  const [rows, width] = [8 * 197, 192];
  const n = rows * width;
  const pixels = 8 * 224 * 224 * 3;
  const parameters = 1_000_000;
  const shape = `${rows}×${width}`;
  const norm = { x: n, weight: width, mean: rows, rstd: rows };
  return [
    { kernel: "gelu", shape, instruction: "gelu", tensors: { x: n, y: n }, sizes: { n }, values: n },
    {
      kernel: "gelu gradient",
      shape,
      instruction: "geluBackward",
      tensors: { x: n, dy: n, dx: n },
      sizes: { n },
      values: n,
    },
    {
      kernel: "layer norm",
      shape,
      instruction: "layerNorm",
      tensors: { ...norm, bias: width, y: n },
      sizes: { rows, width, epsilon: 1e-6 },
      values: n,
    },
    {
      kernel: "layer norm gradient",
      shape,
      instruction: "layerNormBackward",
      tensors: { ...norm, dy: n, dx: n, dWeight: width, dBias: width },
      sizes: { rows, width },
      values: n,
    },
    {
      kernel: "residual",
      shape,
      instruction: "residual",
      tensors: { x: n, branch: n, y: n },
      sizes: { batch: 1, n },
      values: n,
    },
    {
      kernel: "patchify bytes",
      shape: "8×224×224",
      instruction: "patchifyBytes",
      tensors: { pixels: pixels / 4, table: 768, patches: pixels },
      sizes: { batch: 8, side: 224, patchSize: 16 },
      values: pixels,
    },
    {
      kernel: "AdamW with average",
      shape: `${parameters}`,
      instruction: "adamW",
      tensors: {
        parameters,
        gradients: parameters,
        firstMoment: parameters,
        secondMoment: parameters,
        average: parameters,
        settings: 24,
      },
      sizes: { n: parameters, decayed: 1 },
      values: parameters,
    },
    {
      kernel: "sum of squares",
      shape: `${parameters}`,
      instruction: "sumOfSquares",
      tensors: { x: parameters, y: 2 },
      sizes: { n: parameters },
      values: parameters,
    },
  ];
}

const KERNEL_CASES: KernelCase[] = [
  ...products(197, 192, 576),
  ...products(8 * 197, 192, 576),
  ...products(8 * 197, 192, 192),
  ...products(8 * 197, 192, 768),
  ...products(8 * 197, 768, 192),
  ...products(32 * 66, 96, 288),
  ...products(32 * 66, 96, 384),
  ...products(32 * 66, 384, 96),
  ...attentions(8, 197, 3, 64),
  ...attentions(32, 66, 4, 24),
  ...perValue(),
];

/** Positive values near one: no kernel meets a denormal number, whose arithmetic would be slow. */
function fill(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = 0.5 + ((i * 0.618_033_988_75) % 1);
}

function measure(kernels: Kernels, build: string, peak: number | undefined, kernelCase: KernelCase): Row {
  const { memory } = kernels;
  const bytecode = memory.allocate(256, "the bench");
  const pieces = Object.entries(kernelCase.tensors).map(([name, count]) => {
    const piece = memory.allocate(4 * count, "the bench");
    fill(memory.floats(piece.address, count));
    return { name, piece };
  });
  const addresses = Object.fromEntries(pieces.map(({ name, piece }) => [name, piece.address]));
  const writer = new BytecodeWriter();
  writer.write(kernelCase.instruction, {
    ...addresses,
    ...kernelCase.sizes,
  } as unknown as Instructions[InstructionName]);
  const words = writer.finish();
  memory.words(bytecode.address, words.length).set(words);
  const { bestMs, medianMs } = time(() => kernels.runHere(bytecode.address));
  for (const piece of [bytecode, ...pieces.map(({ piece }) => piece)]) memory.release(piece);
  const row: Row = { build, kernel: kernelCase.kernel, shape: kernelCase.shape, bestMs, medianMs };
  if (kernelCase.flops) {
    row.gigaflops = kernelCase.flops / bestMs / 1e6;
    if (peak) row.peakShare = row.gigaflops / peak;
  }
  if (kernelCase.values) row.nanosecondsPerValue = (bestMs * 1e6) / kernelCase.values;
  return row;
}

function printRow(row: Row): void {
  const rate = row.gigaflops
    ? `${row.gigaflops.toFixed(1)} GFLOP/s${row.peakShare ? `  ${Math.round(100 * row.peakShare)}%` : ""}`
    : `${(row.nanosecondsPerValue as number).toFixed(2)} ns per value`;
  const times = `${row.bestMs.toFixed(3).padStart(9)} ${row.medianMs.toFixed(3).padStart(9)}`;
  console.log(`${row.build.padEnd(8)} ${row.kernel.padEnd(20)} ${row.shape.padEnd(15)} ${times}  ${rate}`);
}

function printCalibration({ calibration }: Kernels, peak: number | undefined): void {
  for (const { rows, columns, gigaflops, chosen } of calibration) {
    const ofPeak = peak ? `  ${Math.round((100 * gigaflops) / peak)}%` : "";
    console.log(
      `${chosen ? "✓" : " "} register block ${rows}×${columns}`.padEnd(24) +
        `${gigaflops.toFixed(1)} GFLOP/s${ofPeak}`,
    );
  }
}

export async function main(options: readonly string[]): Promise<void> {
  const host = nodeHost();
  const builds = host.enableRelaxedSimd() ? [false, true] : [false];
  const peaks = builds.map((relaxed) => measurePeak(relaxed));
  const rows: Row[] = [];
  const calibrations: Record<string, Kernels["calibration"]> = {};
  let programs: ProgramTime[] = [];
  for (const [i, relaxed] of builds.entries()) {
    const kernels = await loadKernels(host, relaxed, 1);
    const peak = peaks[i];
    const build = relaxed ? "relaxed" : "plain";
    console.log(
      `\n${build}: peak of 128-bit float32 ${peak?.toFixed(1)} GFLOP/s on one thread, ${process.version}`,
    );
    calibrations[build] = kernels.calibration;
    printCalibration(kernels, peak);
    console.log(`build    kernel               shape             best ms median ms`);
    for (const kernelCase of KERNEL_CASES) {
      const row = measure(kernels, build, peak, kernelCase);
      printRow(row);
      rows.push(row);
    }
    // Programs are timed with the build that is used where the engine supports both.
    if (i < builds.length - 1) continue;
    programs = timePrograms(kernels, peak);
    printPrograms(programs);
  }
  const [plainPeak, relaxedPeak] = peaks;
  if (options.includes("--json")) {
    console.log(
      JSON.stringify({ node: process.version, plainPeak, relaxedPeak, calibrations, rows, programs }),
    );
  }
}
