// Hostile set: every attack on `vitrine serve` in turn, with how long its answer took, how long another client's requests took
// meanwhile, and the most memory of the server. `npm run faults -- serve`. Exits 1 where an answer is not one of those
// allowed or the other client got an error.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { benchConfig, benchWeights } from "../../../bench/model-weights.js";
import { machineLoad, memoryOf, resetPeak } from "../../../bench/serve/process-figures.js";
import { median } from "../../../bench/statistics.js";
import { startInferenceServer } from "../../../bench/vitrine-processes.js";
import { writeConfigJson } from "../../../runtime/models/families.js";
import { storedFloats, writeSafetensors } from "../../../runtime/weights/safetensors.js";
import { attacks, FULL_SIZES } from "./attacks.js";
import { FULL_FLOODS, floods } from "./floods.js";
import { ATTACKER_TOKEN, guardedFlags, SPARE_MODEL, VICTIM_TOKEN } from "./guarded-server.js";
import { startVictim } from "./victim.js";

const MODEL = "deit_tiny_patch16_224";
const SIDE = 224;

/** A DeiT-Tiny with random weights. */
function makeModel(folder: string): void {
  const config = benchConfig(MODEL);
  mkdirSync(folder);
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(storedFloats(benchWeights(config))));
  writeFileSync(join(folder, "config.json"), writeConfigJson(config, []));
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const show = (value: number, digits = 0): string => value.toFixed(digits);
const signed = (value: number): string => `${value < 0 ? "−" : "+"}${show(Math.abs(value))}`;

/** `only`: a part of the names of the attacks that are run; empty for all. */
export async function attackServer(only = ""): Promise<void> {
  const chosen = [...attacks(FULL_SIZES), ...floods(FULL_FLOODS)].filter(({ name }) => name.includes(only));
  const work = mkdtempSync(join(tmpdir(), "vitrine-hostile-"));
  const folder = join(work, "model");
  makeModel(folder);
  const { address, pid, stop } = await startInferenceServer(folder, guardedFlags(work, folder));
  const server = { address, model: "bench", side: SIDE, token: ATTACKER_TOKEN, spareModel: SPARE_MODEL };
  const victim = startVictim(server, VICTIM_TOKEN);
  let isRight = true;
  try {
    await sleep(2000);
    victim.latencies();
    await sleep(3000);
    const usual = median(victim.latencies());
    const base = memoryOf(pid).now;
    process.stdout.write(
      `another client's request usually takes ${show(usual, 1)} ms; the server has ${show(base)} MB; load ${machineLoad()}\n` +
        "attack                    answer                      ms  other client: median  longest   peak MB\n",
    );
    for (const { name, allowed, prepare } of chosen) {
      const attack = prepare(server);
      await sleep(1000);
      victim.latencies();
      resetPeak(pid);
      const start = performance.now();
      const outcome = await attack();
      const ms = performance.now() - start;
      await sleep(500);
      const meanwhile = victim.latencies();
      const verdict = allowed.test(outcome) ? "" : "  NOT ALLOWED";
      isRight &&= verdict === "";
      process.stdout.write(
        `${name.padEnd(26)}${outcome.padEnd(24)}${show(ms).padStart(6)}` +
          `${`${show(median(meanwhile) / usual, 1)}×`.padStart(22)}${`${show(Math.max(...meanwhile) / usual, 1)}×`.padStart(9)}` +
          `${signed(memoryOf(pid).peak - base).padStart(10)}${verdict}\n`,
      );
    }
    const errors = Object.fromEntries(victim.errors());
    process.stdout.write(`errors of the other client: ${JSON.stringify(errors)}\n`);
    isRight &&= victim.errors().size === 0;
  } finally {
    await victim.stop();
    stop();
    rmSync(work, { recursive: true, force: true });
  }
  process.exitCode = isRight ? 0 : 1;
}
