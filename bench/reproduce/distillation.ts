// Distillation: the paper's Table 3 in small. A RegNetY teacher, and the same small DeiT without distillation, with soft
// and with hard distillation into its class head, and with a distillation token; then the paper's finding that a convnet
// teaches better than a transformer of like accuracy (Table 2).

import { describeMean, type Mean, meanOf, pairedDifference } from "./statistics.js";
import type { Scores, TrainingPlan } from "./trainings.js";

export interface Budget {
  /** Epochs of each student. */
  student: number;
  /** Epochs of the convnet teacher. */
  teacher: number;
  /** Epochs of the convnet that is to be about as good as the transformer teacher. */
  early: number;
}

export interface Models {
  teacher: string;
  /** DeiT without and with a distillation token, of the same sizes. */
  plain: string;
  distilled: string;
}

const split = (text: string): string[] => text.split(" ");

const SHARED = split(
  "--recipe deit --batch-size 16 --aa none --color-jitter 0 --mixup 0 --cutmix 0 --no-repeated-aug",
);
/** Fine checks, enlarged by a student's crop, look like coarse ones: the label is wrong for the crop. */
const STUDENT = split("--scale 0.25,1 --reprob 0.25");
/** As in the paper, a teacher has a recipe of its own: crops that the label is right for. */
const TEACHER = split("--scale 0.5,1 --reprob 0");
const CONVNET = split("--lr 0.2 --warmup-epochs 1 --warmup-lr 0.003 --min-lr 0.0001 --drop-path 0 --no-ema");
const TRANSFORMER = split(
  "--lr 0.048 --warmup-epochs 2 --warmup-lr 0.0003 --min-lr 0.0001 --drop-path 0 --no-ema",
);

const epochs = (count: number): string[] => ["--epochs", String(count)];

export function distillationPlans(models: Models, budget: Budget): TrainingPlan[] {
  const convnet = [...SHARED, ...CONVNET, ...TEACHER];
  const transformer = [...SHARED, ...TRANSFORMER, ...epochs(budget.student)];
  const student = [...transformer, ...STUDENT];
  const hard = [...student, "--distillation", "hard"];
  const soft = [...student, ...split("--distillation soft --tau 3 --alpha 0.1 --soft-scale paper")];
  return [
    { name: "convnet", model: models.teacher, flags: [...convnet, ...epochs(budget.teacher)] },
    { name: "transformer", model: models.plain, flags: [...transformer, ...TEACHER] },
    { name: "none", model: models.plain, flags: student },
    // The same architecture, starting weights and batches as without a teacher: a seed's luck cancels.
    { name: "soft", model: models.plain, flags: soft, teacher: "convnet" },
    { name: "hard", model: models.plain, flags: hard, teacher: "convnet" },
    { name: "token", model: models.distilled, flags: hard, teacher: "convnet" },
    { name: "hard-transformer", model: models.plain, flags: hard, teacher: "transformer" },
    { name: "early-convnet", model: models.teacher, flags: [...convnet, ...epochs(budget.early)] },
    { name: "hard-early-convnet", model: models.plain, flags: hard, teacher: "early-convnet" },
  ];
}

const ROWS: readonly [name: string, text: string][] = [
  ["convnet", "RegNetY teacher"],
  ["transformer", "DeiT teacher"],
  ["none", "DeiT, no distillation"],
  ["soft", "DeiT, soft distillation from the RegNetY (τ 3, α 0.1)"],
  ["hard", "DeiT, hard distillation from the RegNetY"],
  ["token", "DeiT with a distillation token, hard distillation from the RegNetY"],
  ["hard-transformer", "DeiT, hard distillation from the DeiT"],
  ["early-convnet", "RegNetY teacher, trained for fewer epochs"],
  ["hard-early-convnet", "DeiT, hard distillation from that RegNetY"],
];

function cell(values: readonly (number | null)[]): string {
  return values.includes(null) ? "" : describeMean(meanOf(values as number[]));
}

/** Markdown: top-1 in percent, mean over the seeds ± standard error. */
export function distillationTable(scores: ReadonlyMap<string, readonly Scores[]>): string[] {
  const rows = ROWS.map(([name, text]) => {
    const own = scores.get(name) ?? [];
    const heads = (["class", "distillation"] as const).map((head) => cell(own.map((entry) => entry[head])));
    return `| ${text} | ${cell(own.map(({ top1 }) => top1))} | ${heads.join(" | ")} |`;
  });
  return ["| training | top-1 | class head | distillation head |", "|---|---|---|---|", ...rows];
}

export interface Claim {
  text: string;
  difference: Mean;
  /** Null where one seed is not enough to tell. */
  holds: boolean | null;
}

/** The claims of the paper that this reproduction is about. */
export function distillationClaims(scores: ReadonlyMap<string, readonly Scores[]>): Claim[] {
  const top1 = (name: string) => (scores.get(name) ?? []).map((entry) => entry.top1);
  const classHead = (scores.get("token") ?? []).map((entry) => entry.class ?? Number.NaN);
  const claim = (text: string, a: readonly number[], b: readonly number[], errors: number): Claim => {
    const difference = pairedDifference(a, b);
    // A single seed has no error: only a claim that needs none can be judged.
    const least = errors === 0 ? 0 : errors * difference.error;
    return { text, difference, holds: Number.isNaN(least) ? null : difference.mean > least };
  };
  const best = ["none", "soft", "hard", "token"].map((name) =>
    claim(`teacher above ${name}`, top1("convnet"), top1(name), 0),
  );
  return [
    ...best,
    claim("hard above none by more than two standard errors", top1("hard"), top1("none"), 2),
    claim("token above none by more than two standard errors", top1("token"), top1("none"), 2),
    claim(
      "joint answer not below the class head by more than two standard errors",
      top1("token"),
      classHead,
      -2,
    ),
    claim(
      "a convnet teaches better than a transformer of like accuracy, by more than two standard errors",
      top1("hard-early-convnet"),
      top1("hard-transformer"),
      2,
    ),
  ];
}
