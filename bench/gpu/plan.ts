// Plan: which rows the GPU bench runs, the most important first: a machine with a GPU may be available for minutes only.

import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";

export type Mode = "forward" | "train";

/** What is computed. */
export interface Task {
  model: string;
  mode: Mode;
  batch: number;
}

/** What computes it: Vitrine on a tier, PyTorch in a form, or tfjs on our device. */
export type Implementation =
  | { kind: "vitrine"; tier: GpuTier }
  | { kind: "pytorch"; form: "eager" | "compiled"; dtype: "f32" | "bf16" }
  | { kind: "tfjs" };

export interface PlannedRow {
  task: Task;
  implementation: Implementation;
}

export interface Wanted {
  models: readonly string[];
  modes: readonly Mode[];
  /** Batch sizes of a mode. */
  batches(mode: Mode): readonly number[];
  tiers: readonly GpuTier[];
  pytorch: boolean;
  tfjs: boolean;
}

export function implementationName(implementation: Implementation): string {
  if (implementation.kind === "vitrine") return `vitrine ${implementation.tier}`;
  return implementation.kind === "tfjs"
    ? "tfjs-webgpu"
    : `pytorch ${implementation.form} ${implementation.dtype}`;
}

/** The most telling first; the first six are compared on the tasks with targets (report.ts) before anything else. */
const IMPLEMENTATIONS: readonly Implementation[] = [
  { kind: "vitrine", tier: "float16" },
  { kind: "pytorch", form: "compiled", dtype: "bf16" },
  { kind: "vitrine", tier: "matrices" },
  { kind: "vitrine", tier: "float32" },
  { kind: "pytorch", form: "eager", dtype: "bf16" },
  { kind: "tfjs" },
  { kind: "vitrine", tier: "subgroups" },
  { kind: "pytorch", form: "compiled", dtype: "f32" },
  { kind: "pytorch", form: "eager", dtype: "f32" },
];
const TELLING = 6;

/** Sizes that fill a GPU come before those that do not. */
const BATCHES: readonly number[] = [64, 128, 256, 8, 1];
const MODELS: readonly string[] = ["small", "tiny", "base"];
const MODES: readonly Mode[] = ["train", "forward"];

/** Index in `list`; after all of them if it is not listed. */
function rank<T>(list: readonly T[], value: T): number {
  const index = list.indexOf(value);
  return index < 0 ? list.length : index;
}

function hasTarget({ model, mode, batch }: Task): boolean {
  return model === "small" && (batch === 64 || (mode === "train" && batch === 128));
}

function isWanted(implementation: Implementation, { tiers, pytorch, tfjs }: Wanted): boolean {
  if (implementation.kind === "vitrine") return tiers.includes(implementation.tier);
  return implementation.kind === "tfjs" ? tfjs : pytorch;
}

/** Every row once: the telling ones of the tasks with targets, then task by task. */
export function planRows(wanted: Wanted): PlannedRow[] {
  const implementations = IMPLEMENTATIONS.filter((implementation) => isWanted(implementation, wanted));
  const tasks = wanted.models
    .flatMap((model) =>
      wanted.modes.flatMap((mode) => wanted.batches(mode).map((batch) => ({ model, mode, batch }))),
    )
    .sort(
      (a, b) =>
        Number(hasTarget(b)) - Number(hasTarget(a)) ||
        rank(MODELS, a.model) - rank(MODELS, b.model) ||
        rank(MODES, a.mode) - rank(MODES, b.mode) ||
        rank(BATCHES, a.batch) - rank(BATCHES, b.batch) ||
        a.batch - b.batch,
    );
  const rows = tasks.flatMap((task) => implementations.map((implementation) => ({ task, implementation })));
  const telling = IMPLEMENTATIONS.slice(0, TELLING);
  const isFirst = ({ task, implementation }: PlannedRow) =>
    hasTarget(task) && telling.includes(implementation);
  return [...rows.filter(isFirst), ...rows.filter((row) => !isFirst(row))];
}

/** Tiers whose parity is run, the most telling first. */
export function planParity(tiers: readonly GpuTier[]): GpuTier[] {
  const order: readonly GpuTier[] = ["float32", "float16", "matrices", "subgroups"];
  return order.filter((tier) => tiers.includes(tier));
}
