// Plan: which rows of the GPU bench are run, those first that matter most: a machine with a GPU may be lent for minutes.

import type { GpuTier } from "../../runtime/executors/webgpu/tier.js";

export type Mode = "forward" | "train";

/** What everybody of a row computes. */
export interface Place {
  model: string;
  mode: Mode;
  batch: number;
}

/** Who computes it: we on a tier, PyTorch in a form, or tfjs on our device. */
export type Entrant =
  | { kind: "vitrine"; tier: GpuTier }
  | { kind: "pytorch"; form: "eager" | "compiled"; dtype: "f32" | "bf16" }
  | { kind: "tfjs" };

export interface PlannedRow {
  place: Place;
  entrant: Entrant;
}

export interface Wanted {
  models: readonly string[];
  modes: readonly Mode[];
  /** The batch sizes of a mode. */
  batches(mode: Mode): readonly number[];
  tiers: readonly GpuTier[];
  pytorch: boolean;
  tfjs: boolean;
}

export function entrantName(entrant: Entrant): string {
  if (entrant.kind === "vitrine") return `vitrine ${entrant.tier}`;
  return entrant.kind === "tfjs" ? "tfjs-webgpu" : `pytorch ${entrant.form} ${entrant.dtype}`;
}

/** Most telling first; the first six are compared in the places that the aims speak of before anything else. */
const ENTRANTS: readonly Entrant[] = [
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

/** Sizes that fill a GPU before those that do not. */
const BATCHES: readonly number[] = [64, 128, 256, 8, 1];
const MODELS: readonly string[] = ["small", "tiny", "base"];
const MODES: readonly Mode[] = ["train", "forward"];

/** Behind all that are listed where it is not. */
function rank<T>(list: readonly T[], value: T): number {
  const place = list.indexOf(value);
  return place < 0 ? list.length : place;
}

function isAimed({ model, mode, batch }: Place): boolean {
  return model === "small" && (batch === 64 || (mode === "train" && batch === 128));
}

function isWanted(entrant: Entrant, { tiers, pytorch, tfjs }: Wanted): boolean {
  if (entrant.kind === "vitrine") return tiers.includes(entrant.tier);
  return entrant.kind === "tfjs" ? tfjs : pytorch;
}

/** Every row once: the telling ones of the places that are aimed at, then place by place. */
export function planRows(wanted: Wanted): PlannedRow[] {
  const entrants = ENTRANTS.filter((entrant) => isWanted(entrant, wanted));
  const places = wanted.models
    .flatMap((model) =>
      wanted.modes.flatMap((mode) => wanted.batches(mode).map((batch) => ({ model, mode, batch }))),
    )
    .sort(
      (a, b) =>
        Number(isAimed(b)) - Number(isAimed(a)) ||
        rank(MODELS, a.model) - rank(MODELS, b.model) ||
        rank(MODES, a.mode) - rank(MODES, b.mode) ||
        rank(BATCHES, a.batch) - rank(BATCHES, b.batch) ||
        a.batch - b.batch,
    );
  const rows = places.flatMap((place) => entrants.map((entrant) => ({ place, entrant })));
  const telling = ENTRANTS.slice(0, TELLING);
  const isFirst = ({ place, entrant }: PlannedRow) => isAimed(place) && telling.includes(entrant);
  return [...rows.filter(isFirst), ...rows.filter((row) => !isFirst(row))];
}

/** Parity of the tiers that figures will be given for, the ones that tell most first. */
export function planParity(tiers: readonly GpuTier[]): GpuTier[] {
  const order: readonly GpuTier[] = ["float32", "float16", "matrices", "subgroups"];
  return order.filter((tier) => tiers.includes(tier));
}
