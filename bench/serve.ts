// Bench of the inference server: what it costs beside the bare executor, and how it behaves at saturation and beyond.
//
// `npm run bench -- serve [--model DIR] [--pictures DIR] [--rounds 3] [--seconds 3] [--overload 60] [--json]`; with 0 rounds,
// health and overload alone. The server, the bare executor and the load generator (this process) are three processes; bare
// executor and server take turns within a round, and every ratio is of one round. Without --model, a DeiT-Tiny with random
// weights.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { writeConfigJson } from "../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../runtime/weights/safetensors.js";
import { benchConfig, benchWeights } from "./model-weights.js";
import { startBareExecutor } from "./serve/bare-process.js";
import { healthFigures, overloadFigures } from "./serve/beyond.js";
import { machineLoad } from "./serve/process-figures.js";
import { CONCURRENCY, Figures, KINDS, measureRound, quantile } from "./serve/round.js";
import { measureAlone, openTraffic } from "./serve/traffic.js";
import { startInferenceServer } from "./vitrine-processes.js";

interface Options {
  model: string | undefined;
  pictures: string | undefined;
  rounds: number;
  seconds: number;
  overload: number;
  maxBatch: number;
  json: boolean;
}

function numberOf(flag: string, text: string, min = 0): number {
  const value = Number(text);
  if (!(value >= min)) throw new Error(`bench: --${flag} is "${text}"; allowed: a number from ${min}`);
  return value;
}

function options(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      model: { type: "string" },
      pictures: { type: "string" },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
      overload: { type: "string", default: "60" },
      "max-batch": { type: "string", default: "8" },
      json: { type: "boolean", default: false },
    },
  });
  return {
    model: values.model,
    pictures: values.pictures,
    rounds: Math.ceil(numberOf("rounds", values.rounds)),
    seconds: numberOf("seconds", values.seconds, 0.1),
    overload: numberOf("overload", values.overload, 1),
    maxBatch: Math.ceil(numberOf("max-batch", values["max-batch"], 1)),
    json: values.json,
  };
}

/** A model folder in `work`. */
function randomModel(work: string): string {
  const config = benchConfig("deit_tiny_patch16_224");
  const folder = join(work, "deit-tiny");
  mkdirSync(folder);
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(storedFloats(benchWeights(config))));
  const labels = Array.from({ length: config.classes }, (_, index) => `class ${index}`);
  writeFileSync(join(folder, "config.json"), writeConfigJson(config, labels));
  return folder;
}

const number = (value: number, digits = 1): string => (Number.isNaN(value) ? "-" : value.toFixed(digits));

/** What the rounds found. */
function print(figures: Figures, maxBatch: number): void {
  const of = (name: string, digits?: number): string => number(figures.of(name), digits);
  console.log(
    `bare executor: ${of("bare images/s")} images/s in batches of ${maxBatch}, ${of("bare cpu")} ms CPU an image; ` +
      `one image ${of("bare 1 p50")} ms`,
  );
  console.log(
    `a batch: median ${of("bare batch p50")} ms, p99 ${of("bare batch p99")} ms; decoding a JPEG ${of("decode p50")} ms`,
  );
  console.log("in flight         images/s   p50 ms   p99 ms  server CPU ms an image  client");
  for (const kind of KINDS)
    for (const concurrency of CONCURRENCY) {
      const name = `${kind} ${concurrency}`;
      const client = `${Math.round(100 * figures.of(`${name} client`))}%`;
      console.log(
        `${name.padEnd(14)}${of(`${name} images/s`).padStart(12)}${of(`${name} p50`).padStart(9)}` +
          `${of(`${name} p99`).padStart(9)}${of(`${name} cpu`).padStart(24)}${client.padStart(8)}`,
      );
    }
  console.log(
    `at saturation: ${of("saturation", 3)} of the bare executor's rate, ${of("saturation cpu", 3)} by CPU time; ` +
      `added to one image: tensor ${of("added tensor", 2)} ms, JPEG ${of("added jpeg", 2)} ms besides decoding`,
  );
  console.log(`at 80% of the highest rate: p50 ${of("at 80% p50")} ms, p99 ${of("at 80% p99")} ms`);
}

export async function main(words: readonly string[]): Promise<void> {
  const { model, pictures, rounds, seconds, overload, maxBatch, json } = options(words);
  const work = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  const disposables: (() => void)[] = [() => rmSync(work, { recursive: true, force: true })];
  try {
    const folder = model ?? randomModel(work);
    const bare = await startBareExecutor(folder, maxBatch);
    disposables.unshift(() => bare.stop());
    const server = await startInferenceServer(folder, ["--max-batch", String(maxBatch)]);
    disposables.unshift(() => server.stop());
    const traffic = await openTraffic(server.address, "bench", pictures);
    disposables.unshift(() => traffic.close());
    const figures = new Figures();
    await bare.ask({ batch: maxBatch, seconds: 1 });
    const round = { bare, traffic, pid: server.pid, maxBatch, seconds };
    for (let i = 0; i < rounds; i++) await measureRound(figures, round);
    if (rounds > 0) print(figures, maxBatch);

    const health = await healthFigures(traffic, 3 * seconds);
    console.log(
      `health at saturation with pictures of 64 megapixels: p50 ${number(health.p50)} ms, p99 ${number(health.p99)} ms, ` +
        `longest ${number(health.max)} ms; ${health.checks} checks, ${health.huge} such pictures answered; ` +
        `this process was late by up to ${number(health.lagMs)} ms`,
    );
    const batchMs = quantile(await bare.ask({ batch: maxBatch, seconds }), 0.5);
    const { window } = await measureAlone(traffic.tensors, { kind: "closed", concurrency: 64 }, seconds);
    const [rate, deadlineMs] = [3 * window.rate, 2 * batchMs];
    const beyond = await overloadFigures({ traffic, pid: server.pid, rate, deadlineMs, seconds: overload });
    const goodput = beyond.answeredPerSecond / window.rate;
    console.log(
      `overload: ${number(rate)} requests/s for ${overload} s with deadlines of ${number(deadlineMs)} ms: ` +
        `${number(beyond.answeredPerSecond)} answered a second, ${number(goodput, 2)} of the highest rate\n` +
        `  ended with ${JSON.stringify(beyond.errors)}; the last ${number(beyond.latestMs)} ms after it was due\n` +
        `  server's memory: ${number(beyond.memory.before)} MB before, at most ${number(beyond.memory.peak)} MB`,
    );
    console.log(`load of the machine: ${machineLoad()} on ${availableParallelism()} cores`);
    if (json)
      console.log(
        JSON.stringify({
          node: process.version,
          cores: availableParallelism(),
          load: machineLoad(),
          model: model === undefined ? "random deit-tiny" : basename(folder),
          maxBatch,
          rounds,
          ratios: {
            saturationVsBare: figures.of("saturation"),
            saturationVsBareCpu: figures.of("saturation cpu"),
            jpegSaturationVsBare: figures.of("jpeg saturation"),
            p99At80VsBare: figures.of("p99 at 80%"),
            goodputAt3x: goodput,
          },
          addedMsTensor1: figures.of("added tensor"),
          addedMsJpeg1: figures.of("added jpeg"),
          healthP99Ms: health.p99,
          overload: beyond,
          figures: figures.all(),
        }),
      );
  } finally {
    for (const dispose of disposables) dispose();
  }
}
