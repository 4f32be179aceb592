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
import { carryOutAll } from "./trainings.js";

const HELP = `npm run reproduce -- distillation|ablation
  --seeds N          seeds of data and weights (3)
  --lanes N          trainings at a time, one thread each (2)
  --train N          pictures of a class to train on (40)
  --val N            pictures of a class to validate on (200)
  --epochs N         epochs of a student (50)
  --teacher-epochs N epochs of the convnet teacher (50)
  --early-epochs N   epochs of a convnet that is as good as the DeiT teacher (14)
  --out DIR          data, runs and tables (runs/reproduce); what is there already is not done again`;

const NUMBERS = {
  seeds: "3",
  lanes: "2",
  train: "40",
  val: "200",
  epochs: "50",
  "teacher-epochs": "50",
  "early-epochs": "14",
} as const;

/** Compiled to dist/bench/reproduce/. */
const model = (file: string): string =>
  fileURLToPath(new URL(`../../../bench/reproduce/models/${file}`, import.meta.url));

const say = (line: string) => console.log(line);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...Object.fromEntries(
      Object.entries(NUMBERS).map(([name, value]) => [
        name,
        { type: "string" as const, default: value as string },
      ]),
    ),
    out: { type: "string", default: join("runs", "reproduce") },
    help: { type: "boolean", default: false },
  },
});

function numberOf(name: keyof typeof NUMBERS): number {
  const text = String((values as Record<string, unknown>)[name]);
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`reproduce: --${name} is "${text}", allowed: a whole number of at least 1`);
  process.exit(1);
}

async function main(kind: "distillation" | "ablation"): Promise<void> {
  const out = String(values.out);
  const seeds = Array.from({ length: numberOf("seeds") }, (_, seed) => seed);
  const counts = { train: numberOf("train"), val: numberOf("val") };
  const dataOf = (seed: number) => join(out, `data-${seed}-${counts.train}-${counts.val}`);
  mkdirSync(out, { recursive: true });
  for (const seed of seeds)
    await ensureSampleSet(dataOf(seed), await randomForSamples(seed), counts, TEXTURE_CLASSES);
  const models = {
    teacher: model("teacher.json"),
    plain: model("plain.json"),
    distilled: model("distilled.json"),
  };
  const budget = {
    student: numberOf("epochs"),
    teacher: numberOf("teacher-epochs"),
    early: numberOf("early-epochs"),
  };
  const plans =
    kind === "distillation" ? distillationPlans(models, budget) : ablationPlans(models.plain, budget.student);
  const folder = join(out, kind);
  const scores = await carryOutAll(plans, seeds, { out: folder, dataOf, lanes: numberOf("lanes"), say });
  const table = kind === "distillation" ? distillationTable(scores) : ablationTable(scores);
  const claims = kind === "distillation" ? distillationClaims(scores) : [];
  const verdicts = claims.map(({ text, difference, holds }) => {
    const verdict = holds === null ? "needs more than one seed" : holds ? "holds" : "does not hold";
    return `${verdict}: ${text} (${describeMean(difference)})`;
  });
  const lines = [...table, "", ...verdicts];
  writeFileSync(join(folder, "table.md"), `${lines.join("\n")}\n`);
  for (const line of lines) say(line);
}

const [kind] = positionals;
if (!values.help && (kind === "distillation" || kind === "ablation")) await main(kind);
else {
  console.error(HELP);
  process.exitCode = values.help ? 0 : 1;
}
