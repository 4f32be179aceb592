// Trainings: runs of `vitrine train` in processes of their own, two at a time on one thread each, and their validation.
// What is finished stays on disk: a reproduction that was stopped goes on where it was.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { runVitrine, startDataServer } from "../vitrine-processes.js";

/** One training of a reproduction. */
export interface TrainingPlan {
  /** A folder's name, unique within a seed. */
  name: string;
  /** config.json of the model. */
  model: string;
  /** Flags of `vitrine train`, without data, model, seed and teacher. */
  flags: readonly string[];
  /** Another plan's name, whose last weights teach. */
  teacher?: string;
  /** Another plan's name, the moving average of whose weights is validated: this plan trains nothing itself. */
  averageOf?: string;
}

/** Percent of the validation images, by the model after the last step: nothing is selected on the validation split. */
export interface Scores {
  /** Of the model's answer: of a distilled model the mean of both heads' logits. */
  top1: number;
  class: number | null;
  distillation: number | null;
}

export interface TrainingsOptions {
  /** Folder of all runs. */
  out: string;
  /** Folder with train/ and val/ of a seed. */
  dataOf(seed: number): string;
  /** Trainings at a time. */
  lanes: number;
  say(line: string): void;
}

interface ValidationJson {
  top1: number;
  heads: { class: { top1: number }; distillation: { top1: number } } | null;
}

function readScores(path: string): Scores {
  return JSON.parse(readFileSync(path, "utf8")) as Scores;
}

/** Throws where `folder` has a plan of this name with other settings: its weights and scores are not those of `plan`. */
export function requireSamePlan(plan: TrainingPlan, data: string, folder: string): void {
  const path = join(folder, `${plan.name}.plan.json`);
  // Names without folders: a checkout elsewhere has the same models.
  const text = JSON.stringify({ ...plan, model: basename(plan.model), data: basename(data) });
  if (!existsSync(path)) writeFileSync(path, text);
  else if (readFileSync(path, "utf8") !== text)
    throw new Error(`${folder} has ${plan.name} with other settings; give another --out, or remove it`);
}

async function train(plan: TrainingPlan, seed: number, data: string, folder: string): Promise<void> {
  const run = join(folder, plan.name);
  const server = await startDataServer(join(data, "train"));
  try {
    const given = existsSync(join(run, "last"))
      ? ["--resume"]
      : [
          ...["--model", plan.model, "--seed", String(seed), ...plan.flags],
          ...(plan.teacher === undefined ? [] : ["--teacher", join(folder, plan.teacher, "last")]),
        ];
    const where = ["--data-server", server.address, "--out", run, "--device", "wasm", "--threads", "1"];
    await runVitrine(
      ["train", ...where, ...given, "--no-report", "--json"],
      join(folder, `${plan.name}.log`),
    );
  } finally {
    server.stop();
  }
}

async function validate(plan: TrainingPlan, data: string, folder: string): Promise<Scores> {
  const model =
    plan.averageOf === undefined
      ? join(folder, plan.name, "last")
      : join(folder, plan.averageOf, "last", "ema.safetensors");
  const flags = ["--data", join(data, "val"), "--model", model, "--device", "wasm", "--json"];
  const line = await runVitrine(["validate", ...flags], join(folder, `${plan.name}.validation.log`));
  const { top1, heads } = JSON.parse(line) as ValidationJson;
  return {
    top1,
    class: heads?.class.top1 ?? null,
    distillation: heads?.distillation.top1 ?? null,
  };
}

/** Trains and validates one plan; does nothing where its scores are on disk already. */
async function carryOut(plan: TrainingPlan, seed: number, options: TrainingsOptions): Promise<Scores> {
  const folder = join(options.out, `seed-${seed}`);
  const file = join(folder, `${plan.name}.json`);
  const data = options.dataOf(seed);
  mkdirSync(folder, { recursive: true });
  requireSamePlan(plan, data, folder);
  if (existsSync(file)) return readScores(file);
  const began = performance.now();
  if (plan.averageOf === undefined) await train(plan, seed, data, folder);
  const scores = await validate(plan, data, folder);
  writeFileSync(`${file}.next`, JSON.stringify(scores));
  renameSync(`${file}.next`, file);
  const minutes = (performance.now() - began) / 60_000;
  const top1 = scores.top1.toFixed(2);
  options.say(`seed ${seed}  ${plan.name.padEnd(28)} top-1 ${top1}%  ${minutes.toFixed(1)} min`);
  return scores;
}

/** Plan name → its scores, seed by seed. A plan starts when what it needs is trained; earlier seeds go first. */
export async function carryOutAll(
  plans: readonly TrainingPlan[],
  seeds: readonly number[],
  options: TrainingsOptions,
): Promise<Map<string, Scores[]>> {
  const waiting = seeds.flatMap((seed) => plans.map((plan) => ({ plan, seed })));
  const done = new Map<string, Scores>();
  const key = (name: string, seed: number) => `${seed}/${name}`;
  let wake: () => void = () => {};
  let settled = new Promise<void>((resolve) => (wake = resolve));
  const lane = async (): Promise<void> => {
    while (waiting.length > 0) {
      const next = waiting.findIndex(({ plan, seed }) => {
        const needed = plan.teacher ?? plan.averageOf;
        return needed === undefined || done.has(key(needed, seed));
      });
      if (next < 0) {
        await settled;
        continue;
      }
      const [{ plan, seed }] = waiting.splice(next, 1);
      done.set(key(plan.name, seed), await carryOut(plan, seed, options));
      wake();
      settled = new Promise<void>((resolve) => (wake = resolve));
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return new Map(plans.map(({ name }) => [name, seeds.map((seed) => done.get(key(name, seed)) as Scores)]));
}
