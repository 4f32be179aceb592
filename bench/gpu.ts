// Bench of GPUs: parity on the device, then images/s of forward passes and training steps beside PyTorch and tfjs-webgpu.
//
// `npm run bench -- gpu`, or `node dist/bench/run.js gpu` where there is no npm. Needs no network. One contestant at a time
// is on the GPU, since several models in their largest batches would not fit together; every one is a process of its own.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { wholeNumber } from "../bin/number-option.js";
import { listAdapters } from "../runtime/executors/webgpu/adapter.js";
import { nodeHost } from "../runtime/host/node.js";
import { describeMachine, findTorch, type Machine } from "./gpu/machine.js";
import { type GpuReport, markdown, type Row } from "./gpu/table.js";
import { benchConfig, benchPixels, benchWeights } from "./model-weights.js";
import { type ContestantOptions, contest, type Result } from "./peers/contest.js";
import { nodeContestant } from "./peers/contestants.js";
import { writeMaterial } from "./peers/material.js";
import { difference } from "./peers/report.js";
import { STEP } from "./train/step.js";

interface GpuOptions {
  adapter?: string;
  models: string;
  modes: string;
  batches?: string;
  peers: string;
  rounds: number;
  roundMs: number;
  stepsPerCall: number;
  python?: string;
  torchDevice: string;
  reference: string;
  parity: boolean;
  out: string;
  json?: boolean;
}

type Mode = Row["mode"];

const FORWARD_BATCHES = "1,8,64,256";
const TRAIN_BATCHES = "8,64,128";
/** Of float32 products in another order, and of bfloat16, which keeps 8 bits of a number. */
const TOLERANCES = { f32: 1e-3, bf16: 0.1 };

/** From dist/bench. */
const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

function parity(device: string, reference: string): GpuReport["parity"] {
  const script = fileURLToPath(new URL("../test/parity/run.js", import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [script, reference, "--device", device, "--json"], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{"))
    throw new Error(`bench: parity did not run: ${stderr.trimEnd().split("\n").at(-1)}`);
  const { passed, failed, skipped } = JSON.parse(last) as NonNullable<GpuReport["parity"]>;
  return { passed, failed, skipped };
}

function contestants(
  mode: Mode,
  folder: string,
  batch: number,
  device: string,
  machine: Machine,
  options: GpuOptions,
): ContestantOptions[] {
  const peers = options.peers.split(",");
  const list = [
    nodeContestant("vitrine f32", "gpu/vitrine.js", mode, folder, batch, device, options.stepsPerCall),
  ];
  if (peers.includes("tfjs"))
    list.push(
      nodeContestant(
        "tfjs-webgpu",
        "gpu/vitrine.js",
        mode,
        folder,
        batch,
        `tfjs:${device}`,
        options.stepsPerCall,
      ),
    );
  const script = fromRoot("bench/gpu/deit_torch_gpu.py");
  if (peers.includes("pytorch") && machine.torch)
    for (const form of ["eager", "compiled"])
      for (const dtype of ["f32", "bf16"])
        list.push({
          name: `pytorch ${form} ${dtype}`,
          command: machine.torch.python,
          args: [
            script,
            mode,
            folder,
            String(batch),
            form,
            dtype,
            options.torchDevice,
            String(options.stepsPerCall),
          ],
        });
  return list;
}

/** Who computes the same as we do, with its figures; all others with a reason. */
async function measure(
  report: GpuReport,
  model: string,
  mode: Mode,
  batch: number,
  device: string,
  options: GpuOptions,
): Promise<void> {
  const config = benchConfig(`deit_${model}_patch16_224`);
  const material = { config, weights: benchWeights(config), settings: STEP };
  const { folder, remove } = writeMaterial(material, benchPixels(config, batch));
  let ours: Result | undefined;
  try {
    for (const contestant of contestants(mode, folder, batch, device, report.machine, options)) {
      const { results, absent } = await contest([contestant], options);
      const place = { model, mode, batch, contestant: contestant.name };
      for (const { reason } of absent) report.missing.push({ ...place, reason });
      const [result] = results;
      if (!result) continue;
      ours ??= contestant.name.startsWith("vitrine") ? result : undefined;
      const fromOurs = difference((ours ?? result).check, result.check);
      const allowed = contestant.name.endsWith("bf16") ? TOLERANCES.bf16 : TOLERANCES.f32;
      if (!(fromOurs <= allowed)) {
        report.missing.push({
          ...place,
          reason: `its values are ${fromOurs} from ours, ${allowed} is allowed`,
        });
        continue;
      }
      const { medianMs, bestMs, calls } = result;
      const imagesPerSecond = (1000 * batch * options.stepsPerCall) / medianMs;
      report.rows.push({ ...place, imagesPerSecond, medianMs, bestMs, calls, fromOurs });
      console.log(`${model} ${mode} ${batch} ${contestant.name}: ${imagesPerSecond.toFixed(1)} images/s`);
    }
  } finally {
    remove();
  }
}

function counts(text: string): number[] {
  return text.split(",").map(wholeNumber("--batches", { min: 1 }));
}

function parse(words: readonly string[]): GpuOptions {
  const positive = (flag: string) => wholeNumber(flag, { min: 1 });
  return new Command("gpu")
    .option("--adapter <name>", "name or place of the adapter (else the first hardware one)")
    .option("--models <list>", "tiny, small, base", "tiny,small,base")
    .option("--modes <list>", "forward, train", "forward,train")
    .option("--batches <list>", `for every mode (else ${FORWARD_BATCHES} and ${TRAIN_BATCHES})`)
    .option("--peers <list>", "pytorch, tfjs, or none", "pytorch,tfjs")
    .option("--rounds <n>", "rounds of each contestant", positive("--rounds"), 3)
    .option("--round-ms <ms>", "time of a round", positive("--round-ms"), 2000)
    .option("--steps-per-call <n>", "steps submitted behind each other", positive("--steps-per-call"), 8)
    .option("--python <path>", "interpreter with torch (else python3, then /usr/bin/python3)")
    .option("--torch-device <device>", "where PyTorch computes", "cuda")
    .option("--reference <folder>", "what parity compares with", fromRoot("test/fixtures/micro"))
    .option("--no-parity", "leave parity out")
    .option("--out <folder>", "where gpu.json and gpu.md are written", fromRoot("bench/results"))
    .option("--json", "end with one line of JSON")
    .parse([...words], { from: "user" })
    .opts<GpuOptions>();
}

export async function main(words: readonly string[]): Promise<void> {
  const options = parse(words);
  const adapters = await listAdapters(nodeHost());
  const { adapter: wanted } = options;
  const adapter =
    wanted === undefined
      ? (adapters.find(({ software }) => !software) ?? adapters[0])
      : adapters.find(({ index, name }) => String(index) === wanted || name.includes(wanted));
  if (!adapter) throw new Error(`bench: no adapter ${wanted ?? ""} among ${adapters.length} (--adapter)`);
  const device = `webgpu:${adapter.index}`;
  const pythons = options.python === undefined ? ["python3", "/usr/bin/python3"] : [options.python];
  const machine = describeMachine(adapter, findTorch(pythons));
  const report: GpuReport = {
    machine,
    stepsPerCall: options.stepsPerCall,
    parity: null,
    rows: [],
    missing: [],
  };
  console.log(`${machine.adapter}; ${machine.driver}`);
  if (options.parity) report.parity = parity(device, options.reference);
  if (report.parity) console.log(`parity: ${report.parity.passed} passed, ${report.parity.failed} failed`);
  for (const model of options.models.split(","))
    for (const mode of options.modes.split(",") as Mode[])
      for (const batch of counts(options.batches ?? (mode === "train" ? TRAIN_BATCHES : FORWARD_BATCHES)))
        await measure(report, model, mode, batch, device, options);
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, "gpu.json"), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(options.out, "gpu.md"), markdown(report));
  console.log(`\n${markdown(report)}`);
  if (options.json) console.log(JSON.stringify(report));
  if (report.parity?.failed) process.exitCode = 1;
}
