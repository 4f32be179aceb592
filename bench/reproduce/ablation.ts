// Ablation: the paper's Table 8 in small. A recipe of all its ingredients on a small DeiT, and each ingredient taken away,
// replaced or added.

import { describeMean, type Mean, meanOf, pairedDifference, studentQuantile } from "./statistics.js";
import type { Scores, TrainingPlan } from "./trainings.js";

/** Of Table 8, pre-training at 224: DeiT-B's top-1 on ImageNet, and the ± that the paper states with it. */
const PAPER = { top1: 81.8, deviation: 0.2 };

interface Ingredient {
  name: string;
  text: string;
  /** In place of the default's; undefined where the default is trained already, with a moving average beside it. */
  flags?: string[];
  /** Top-1 in Table 8. */
  paper: number;
  /** Marked there as a training that went wrong. */
  failed?: boolean;
}

const split = (text: string): string[] => text.split(" ");

/**
 * main.py's strengths of all ingredients, in a run of 800 steps: a small batch, a short warm-up, Mixup or CutMix in every
 * second batch, crops of at least half a picture. Below that the crop of a fine pattern looks like a coarse one, and the
 * label is wrong for it.
 */
const BASE = split(
  "--recipe deit --batch-size 16 --lr 0.048 --warmup-epochs 2 --warmup-lr 0.0003 --min-lr 0.0001 " +
    "--scale 0.5,1 --mixup-prob 0.5 --ema-decay 0.98",
);

const INGREDIENTS: readonly Ingredient[] = [
  { name: "sgd", text: "SGD", flags: split("--opt sgd --lr 0.48"), paper: 74.5 },
  { name: "no-randaugment", text: "no RandAugment", flags: split("--aa none"), paper: 79.6 },
  {
    name: "autoaugment",
    text: "AutoAugment in place of RandAugment",
    flags: split("--aa original"),
    paper: 81.2,
  },
  { name: "no-mixup", text: "no Mixup", flags: split("--mixup 0"), paper: 78.7 },
  { name: "no-cutmix", text: "no CutMix", flags: split("--cutmix 0"), paper: 80.0 },
  { name: "no-mix", text: "neither Mixup nor CutMix", flags: split("--mixup 0 --cutmix 0"), paper: 75.8 },
  { name: "no-erasing", text: "no random erasing", flags: split("--reprob 0"), paper: 4.3, failed: true },
  {
    name: "no-drop-path",
    text: "no stochastic depth",
    flags: split("--drop-path 0"),
    paper: 3.4,
    failed: true,
  },
  {
    name: "no-repeats",
    text: "no repeated augmentation",
    flags: split("--no-repeated-aug"),
    paper: 76.5,
  },
  { name: "ema", text: "with EMA", paper: 81.9 },
];

/** A flag given twice counts as given last. */
export function ablationPlans(model: string, epochs: number): TrainingPlan[] {
  const flags = [...BASE, "--epochs", String(epochs)];
  return [
    { name: "default", model, flags },
    ...INGREDIENTS.map(({ name, flags: own }) =>
      own === undefined
        ? { name, model, flags: [], averageOf: "default" }
        : { name, model, flags: [...flags, ...own] },
    ),
  ];
}

/**
 * `same` and `other` direction as the paper's difference; `noise`: what is seen here may be chance, by a t-test of the
 * paired differences at 5%; `here alone`: a difference where the paper's is within its ±; `unknown` with a single seed.
 */
export type Verdict = "same" | "other" | "noise" | "here alone" | "unknown";

const VERDICTS: Readonly<Record<Verdict, string>> = {
  same: "same direction",
  other: "other direction",
  noise: "within noise",
  "here alone": "a difference here alone",
  unknown: "needs more than one seed",
};

/** `here`, a mean over `seeds` of differences from the default, beside the paper's difference; both in points of top-1. */
export function verdictOf(here: Mean, seeds: number, paper: number): Verdict {
  if (seeds < 2) return "unknown";
  if (Math.abs(here.mean) <= studentQuantile(seeds - 1) * here.error) return "noise";
  if (Math.abs(paper) <= PAPER.deviation) return "here alone";
  return Math.sign(here.mean) === Math.sign(paper) ? "same" : "other";
}

/** Markdown: top-1 in percent, the difference from the default paired by seed, the paper's, and whether they agree. */
export function ablationTable(scores: ReadonlyMap<string, readonly Scores[]>): string[] {
  const top1 = (name: string) => (scores.get(name) ?? []).map((entry) => entry.top1);
  const base = top1("default");
  const rows = INGREDIENTS.map(({ name, text, paper, failed }) => {
    const own = top1(name);
    const difference = pairedDifference(own, base);
    const theirs = Number((paper - PAPER.top1).toFixed(1));
    const shown = failed ? `${theirs.toFixed(1)}, did not train well` : theirs.toFixed(1);
    const verdict = VERDICTS[verdictOf(difference, base.length, theirs)];
    return `| ${text} | ${describeMean(meanOf(own))} | ${describeMean(difference)} | ${shown} | ${verdict} |`;
  });
  return [
    "| training | top-1 | difference, paired by seed | in the paper | direction |",
    "|---|---|---|---|---|",
    `| all ingredients | ${describeMean(meanOf(base))} | | ${PAPER.top1} | |`,
    ...rows,
  ];
}
