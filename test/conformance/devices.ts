// Devices: a model's answers to a data set on several devices, compared with those of the first.

import type { Command } from "commander";
import { gpuTierOption } from "../../bin/model-options.js";
import { decimalNumber, wholeNumber } from "../../bin/options.js";
import { createRuntime } from "../../runtime/create-runtime.js";
import { VitrineError } from "../../runtime/errors.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel } from "../../runtime/load-model.js";
import { openEvaluation } from "../../server/data/evaluation.js";
import { tierTolerances } from "../executors/tier-tolerances.js";
import { type Agreement, compareTopFive } from "./top-five.js";

interface DevicesOptions {
  model: string;
  data: string;
  devices: string;
  gpuTier?: string;
  batchSize: number;
  tolerance?: number;
  json?: boolean;
}

interface Answers {
  description: string;
  tier?: string;
  names: string[];
  /** [classes] for each image. */
  logits: Float32Array[];
  seconds: number;
}

/** The logits of every image of `data`, in its order. A tier is for devices that have some. */
export async function answersOn(
  device: string,
  { model: path, data, batchSize, gpuTier }: Pick<DevicesOptions, "model" | "data" | "batchSize" | "gpuTier">,
): Promise<Answers> {
  const tier = device.startsWith("webgpu") ? gpuTier : undefined;
  const runtime = await createRuntime({ host: nodeHost(), device, gpuTier: tier, threads: "auto" });
  const model = await loadModel(runtime, nodeModelSource(path), { batchSizes: [batchSize] });
  const { imageSize: size, cropRatio, classes } = model.config;
  const source = await openEvaluation({
    ...{ path: data, size, cropRatio, batchSize },
    ...{ workers: 1, badSamples: "fail" as const },
  });
  const { description, executor } = runtime;
  const answers: Answers = { description, tier: executor.tier, names: [], logits: [], seconds: 0 };
  const start = performance.now();
  try {
    for await (const { pixels, count, names } of source.batches()) {
      const { logits } = await model.logits(pixels, count);
      answers.names.push(...names);
      for (let row = 0; row < count; row++)
        answers.logits.push(logits.slice(row * classes, (row + 1) * classes));
    }
    answers.seconds = (performance.now() - start) / 1000;
    return answers;
  } finally {
    await source.close();
    model.dispose();
    await runtime.dispose();
  }
}

/** What is said of a device: the tolerance is that of its tier unless one was asked for. */
interface DeviceReport extends Agreement {
  description: string;
  tier: string | null;
  tolerance: number;
}

function print(device: string, agreement: DeviceReport): void {
  const { images, decided, same, largestDifference, failures, tolerance } = agreement;
  for (const { image, want, got, margin, difference } of failures)
    console.log(`failed: ${image}: ${got} for ${want}, margin ${margin}, largest difference ${difference}`);
  console.log(
    `${device}: the same first five on ${same} of ${images} images; on ${decided} of them rounding cannot decide ` +
      `(tolerance ${tolerance}); largest difference of a logit ${largestDifference.toExponential(2)}`,
  );
}

async function compareDevices(options: DevicesOptions): Promise<void> {
  const [first, ...others] = options.devices.split(",");
  if (first === undefined || others.length === 0)
    throw new VitrineError("usage/number", `--devices got "${options.devices}"; allowed: two or more, A,B`);
  const trusted = await answersOn(first, options);
  console.log(`${trusted.description}: ${trusted.seconds.toFixed(1)} s`);
  const reports: Record<string, DeviceReport> = {};
  for (const device of others) {
    const answers = await answersOn(device, options);
    console.log(`${answers.description}: ${answers.seconds.toFixed(1)} s`);
    const { description, tier } = answers;
    const tolerance = options.tolerance ?? tierTolerances(tier).logits;
    const agreement = compareTopFive(trusted.names, trusted.logits, answers.logits, tolerance);
    const report: DeviceReport = { description, tier: tier ?? null, tolerance, ...agreement };
    print(device, report);
    reports[device] = report;
    if (report.failures.length > 0 || report.images === 0) process.exitCode = 1;
  }
  if (options.json) console.log(JSON.stringify({ trusted: trusted.description, reports }));
}

export function registerDevices(program: Command): void {
  program
    .command("devices")
    .description("compare a model's first five classes of every image of a data set between devices")
    .requiredOption("--model <path>", "folder with model.safetensors and config.json, or a .safetensors file")
    .requiredOption("--data <path>", "folder with one folder of JPEG files a class, or a CSV list path,label")
    .option("--devices <list>", "devices, the trusted one first", "wasm,webgpu")
    .addOption(gpuTierOption())
    .option("--batch-size <b>", "images at once", wholeNumber("--batch-size", { min: 1 }), 8)
    .option(
      "--tolerance <t>",
      "how far a logit may be from the trusted one's, which is also the margin that decides (default: by the tier)",
      decimalNumber("--tolerance", { min: 0 }),
    )
    .option("--json", "end with one line of JSON")
    .action(compareDevices);
}
