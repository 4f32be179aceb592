// Ablation: the paper's Table 8 in small. The full recipe on a small DeiT, and each ingredient taken away or added.

import { describeMean, meanOf, pairedDifference } from "./statistics.js";
import type { Scores, TrainingPlan } from "./trainings.js";

interface Ingredient {
  name: string;
  text: string;
  flags: string[];
  /** Top-1 on ImageNet minus the default's 81.8, from Table 8 (pre-training at 224); null where it diverged there. */
  paper: number | null;
}

const split = (text: string): string[] => text.split(" ");

/** main.py's defaults at the scale of this set: a small batch, a short warm-up, crops of at least a quarter of a picture. */
const BASE = split(
  "--recipe deit --batch-size 16 --lr 0.048 --warmup-epochs 2 --warmup-lr 0.0003 --min-lr 0.0001 --scale 0.25,1 --no-ema",
);

const INGREDIENTS: readonly Ingredient[] = [
  { name: "sgd", text: "SGD", flags: split("--opt sgd --lr 0.48"), paper: 74.5 - 81.8 },
  { name: "no-randaugment", text: "no RandAugment", flags: split("--aa none"), paper: 79.6 - 81.8 },
  { name: "no-mixup", text: "no Mixup", flags: split("--mixup 0"), paper: 78.7 - 81.8 },
  { name: "no-cutmix", text: "no CutMix", flags: split("--cutmix 0"), paper: 80.0 - 81.8 },
  { name: "no-mix", text: "neither", flags: split("--mixup 0 --cutmix 0"), paper: 75.8 - 81.8 },
  { name: "no-erasing", text: "no random erasing", flags: split("--reprob 0"), paper: null },
  { name: "no-drop-path", text: "no stochastic depth", flags: split("--drop-path 0"), paper: null },
  {
    name: "repeated",
    text: "with repeated augmentation",
    flags: split("--repeated-aug"),
    paper: 81.8 - 76.5,
  },
  { name: "ema", text: "with EMA", flags: split("--ema-decay 0.99"), paper: 81.9 - 81.8 },
];

/** A flag given twice counts as given last. */
export function ablationPlans(model: string, epochs: number): TrainingPlan[] {
  const flags = [...BASE, "--epochs", String(epochs)];
  return [
    { name: "default", model, flags },
    ...INGREDIENTS.map(({ name, flags: own }) => ({
      name,
      model,
      flags: [...(name === "ema" ? flags.filter((flag) => flag !== "--no-ema") : flags), ...own],
    })),
  ];
}

/** Markdown: top-1 in percent, and the difference from the default paired by seed, beside the paper's. */
export function ablationTable(scores: ReadonlyMap<string, readonly Scores[]>): string[] {
  const top1 = (name: string) => (scores.get(name) ?? []).map((entry) => entry.top1);
  const base = top1("default");
  const rows = INGREDIENTS.map(({ name, text, paper }) => {
    const difference = describeMean(pairedDifference(top1(name), base));
    const theirs = paper === null ? "did not train" : paper.toFixed(1);
    return `| ${text} | ${describeMean(meanOf(top1(name)))} | ${difference} | ${theirs} |`;
  });
  return [
    "| training | top-1 | difference | difference in the paper |",
    "|---|---|---|---|",
    `| default | ${describeMean(meanOf(base))} | | |`,
    ...rows,
  ];
}
