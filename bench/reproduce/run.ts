// Reproduce: the paper's comparisons in small, on drawn pictures, over several seeds of data and weights.
//
// `npm run reproduce -- distillation [--seeds N] [--out DIR] …` prints Table 3 in small and which of its claims hold;
// `npm run reproduce -- ablation …` Table 8. --help lists the flags. docs/reproduction.md has the results.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureSampleSet, randomForSamples } from "../../bin/sample-data/sample-set.js";
import { ablationPlans, ablationTable } from "./ablation.js";
import { distillationClaims, distillationPlans, distillationTable } from "./distillation.js";
import { describeMean } from "./statistics.js";
import { TEXTURE_CLASSES } from "./textures.js";
import { carryOutAll, type Scores } from "./trainings.js";

const HELP = `npm run reproduce -- distillation|ablation
  --seeds N          seeds of data and weights (3)
  --first-seed N     the first of them (0)
  --lanes N          trainings at a time, one thread each (2)
  --train N          pictures of a class to train on (distillation: 40, ablation: 52)
  --val N            pictures of a class to validate on (200)
  --epochs N         epochs of a student (distillation: 50, ablation: 25)
  --teacher-epochs N distillation: epochs of the convnet teacher (50)
  --early-epochs N   distillation: epochs of a convnet that is as good as the DeiT teacher (14)
  --out DIR          data, runs and tables (runs/reproduce); what is there already is not done again`;

type Kind = "distillation" | "ablation";

const DEFAULTS = {
  seeds: 3,
  "first-seed": 0,
  lanes: 2,
  // With 52 pictures of ten classes an epoch has 32 batches with and without repeated augmentation, which takes epochs
  // of a multiple of 256 images: one recipe is as long as the other.
  train: { distillation: 40, ablation: 52 },
  val: 200,
  epochs: { distillation: 50, ablation: 25 },
  "teacher-epochs": 50,
  "early-epochs": 14,
} as const;

/** Compiled to dist/bench/reproduce/. */
const model = (file: string): string =>
  fileURLToPath(new URL(`../../../bench/reproduce/models/${file}`, import.meta.url));

const say = (line: string) => console.log(line);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, { type: "string" as const }])),
    out: { type: "string", default: join("runs", "reproduce") },
    help: { type: "boolean", default: false },
  },
});

function numberOf(name: keyof typeof DEFAULTS, kind: Kind): number {
  const text = (values as Record<string, unknown>)[name];
  const byKind = DEFAULTS[name];
  if (text === undefined) return typeof byKind === "number" ? byKind : byKind[kind];
  const least = name === "first-seed" ? 0 : 1;
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= least) return value;
  console.error(`reproduce: --${name} is "${text}", allowed: a whole number of at least ${least}`);
  process.exit(1);
}

/** Markdown table, and lines below it. */
function reportOf(kind: Kind, scores: ReadonlyMap<string, readonly Scores[]>): string[] {
  if (kind === "ablation") return ablationTable(scores);
  const verdicts = distillationClaims(scores).map(({ text, difference, holds }) => {
    const verdict = holds === null ? "needs more than one seed" : holds ? "holds" : "does not hold";
    return `${verdict}: ${text} (${describeMean(difference)})`;
  });
  return [...distillationTable(scores), "", ...verdicts];
}

async function main(kind: Kind): Promise<void> {
  const out = String(values.out);
  const first = numberOf("first-seed", kind);
  const seeds = Array.from({ length: numberOf("seeds", kind) }, (_, index) => first + index);
  const counts = { train: numberOf("train", kind), val: numberOf("val", kind) };
  const dataOf = (seed: number) => join(out, `data-${seed}-${counts.train}-${counts.val}`);
  mkdirSync(out, { recursive: true });
  for (const seed of seeds)
    await ensureSampleSet(dataOf(seed), await randomForSamples(seed), counts, TEXTURE_CLASSES);
  const models = {
    teacher: model("teacher.json"),
    plain: model("plain.json"),
    distilled: model("distilled.json"),
    ablation: model("ablation.json"),
  };
  const budget = {
    student: numberOf("epochs", kind),
    teacher: numberOf("teacher-epochs", kind),
    early: numberOf("early-epochs", kind),
  };
  const plans =
    kind === "distillation"
      ? distillationPlans(models, budget)
      : ablationPlans(models.ablation, budget.student);
  const folder = join(out, kind);
  const lanes = numberOf("lanes", kind);
  const scores = await carryOutAll(plans, seeds, { out: folder, dataOf, lanes, say });
  const bySeed = [...scores].map(([name, list]) => [
    name,
    Object.fromEntries(list.map((entry, index) => [seeds[index], entry])),
  ]);
  writeFileSync(join(folder, "scores.json"), `${JSON.stringify(Object.fromEntries(bySeed), null, 2)}\n`);
  const lines = reportOf(kind, scores);
  writeFileSync(join(folder, "table.md"), `${lines.join("\n")}\n`);
  for (const line of lines) say(line);
}

const [kind] = positionals;
if (!values.help && (kind === "distillation" || kind === "ablation")) await main(kind);
else {
  console.error(HELP);
  process.exitCode = values.help ? 0 : 1;
}
