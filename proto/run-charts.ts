// Run charts: which columns of metrics.csv make which charts, in which colors and words. `vitrine report` and the
// dashboard draw the same ones.

/** How a chart's values are written. */
type ChartUnit = "loss" | "percent" | "rate" | "speed" | "wait";

export interface ChartLine {
  /** Of metrics.csv. */
  column: string;
  /** Short enough to stand at the end of a line. */
  label: string;
  /** Index of a series color: a quantity has the same one in every chart. */
  color: number;
}

export interface RunChart {
  title: string;
  subtitle: string;
  unit: ChartUnit;
  /** At least this range; values beyond it extend it. */
  range: readonly [low: number, high: number];
  /** Factor on the column's values. */
  scale?: number;
  lines: readonly ChartLine[];
}

/** A line per run, of one column. */
export type ComparedChart = Omit<RunChart, "lines"> & { column: string };

const LOSS = { title: "Loss", unit: "loss", range: [0, 0] } as const;
const TOP1 = { title: "Top-1 accuracy", unit: "percent", range: [0, 100] } as const;
const RATE = { title: "Learning rate", subtitle: "", unit: "rate", range: [0, 0] } as const;
const SPEED = {
  title: "Throughput",
  subtitle: "images a second in training",
  unit: "speed",
  range: [0, 0],
} as const;
const WAIT = {
  title: "Waiting for data",
  subtitle: "fraction of a step",
  unit: "wait",
  range: [0, 100],
  scale: 100,
} as const;

/** Charts of one run. Columns that a run does not have are left out, and charts without any. */
export const RUN_CHARTS: readonly RunChart[] = [
  {
    ...LOSS,
    subtitle: "train: mean of ten steps, on augmented and mixed pictures",
    lines: [
      { column: "running_loss", label: "train", color: 0 },
      { column: "validation_loss", label: "val", color: 1 },
      { column: "ema_validation_loss", label: "avg", color: 2 },
    ],
  },
  {
    ...TOP1,
    subtitle: "validation; avg: moving average of the weights",
    lines: [
      { column: "validation_top1", label: "val", color: 1 },
      { column: "ema_validation_top1", label: "avg", color: 2 },
      { column: "validation_class_top1", label: "class", color: 3 },
      { column: "validation_distillation_top1", label: "distil.", color: 4 },
    ],
  },
  {
    ...LOSS,
    title: "Loss of each head",
    subtitle: "validation",
    lines: [
      { column: "validation_class_loss", label: "class", color: 3 },
      { column: "validation_distillation_loss", label: "distil.", color: 4 },
    ],
  },
  {
    ...LOSS,
    title: "Terms of the loss",
    subtitle: "training batches",
    lines: [
      { column: "base_loss", label: "base", color: 3 },
      { column: "distillation_loss", label: "distil.", color: 4 },
    ],
  },
  {
    ...TOP1,
    title: "Agreement with the teacher",
    subtitle: "training batches",
    lines: [{ column: "teacher_agreement", label: "agree", color: 0 }],
  },
  { ...RATE, lines: [{ column: "learning_rate", label: "rate", color: 0 }] },
  { ...SPEED, lines: [{ column: "images_per_second", label: "images", color: 0 }] },
  { ...WAIT, lines: [{ column: "data_wait", label: "wait", color: 0 }] },
];

/** Charts over several runs. */
export const COMPARED_CHARTS: readonly ComparedChart[] = [
  { ...TOP1, subtitle: "validation", column: "validation_top1" },
  { ...LOSS, title: "Validation loss", subtitle: "", column: "validation_loss" },
  { ...LOSS, title: "Training loss", subtitle: "mean of ten steps", column: "running_loss" },
  { ...RATE, column: "learning_rate" },
  { ...SPEED, column: "images_per_second" },
  { ...WAIT, column: "data_wait" },
];

/** A value as it stands at the end of its line. */
export function valueText(unit: ChartUnit, value: number): string {
  switch (unit) {
    case "loss":
      return value.toFixed(3);
    case "percent":
      return `${value.toFixed(1)}%`;
    case "rate":
      return value.toExponential(2);
    case "speed":
      return `${Number(Number(value.toFixed(1)).toPrecision(4))}/s`;
    case "wait":
      return `${value.toFixed(0)}%`;
  }
}

/** A tick of the vertical axis. */
export function tickText(unit: ChartUnit, value: number): string {
  if (unit === "percent" || unit === "wait") return `${value}%`;
  if (unit !== "rate" || value === 0) return String(Number(value.toPrecision(6)));
  return Number(value.toPrecision(3)).toExponential();
}
