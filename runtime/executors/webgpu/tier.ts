// Tier: which of an adapter's optional features the kernels use; the lowest tier, float32, needs none.

import { VitrineError } from "../../errors.js";
import {
  driverName,
  largestSubgroupOf,
  type SubgroupMatrix,
  subgroupMatricesOf,
} from "../../host/gpu-adapter.js";

/**
 * `float32`: available on every device. `subgroups`: float32 too, with sums over rows by subgroup operations.
 * `float16`: large activations, their gradients and the copy of the weights that kernels read in float16, sums in
 * float32. `matrices`: as float16, with the matrix units of the GPU (Dawn's experimental subgroup matrices).
 */
export const GPU_TIERS = ["float32", "subgroups", "float16", "matrices"] as const;
export type GpuTier = (typeof GPU_TIERS)[number];

/**
 * A product of small matrices that a subgroup computes at once: [rows, depth]·[depth, columns], float16 in, float32
 * out.
 */
export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** The matrix units as kernels use them. */
export interface MatrixUnits extends MatrixShape {
  /** Invocations in the largest subgroup; a driver may form smaller ones. */
  readonly largestSubgroup: number;
}

export interface Tier {
  readonly name: GpuTier;
  /** Features to request from the device. */
  readonly features: readonly string[];
  readonly subgroups: boolean;
  readonly half: boolean;
  readonly matrix?: MatrixUnits;
}

const SUBGROUPS = "subgroups";
const HALF = "shader-f16";
export const SUBGROUP_MATRIX = "chromium-experimental-subgroup-matrix";

/** What determines an adapter's tiers; an entry of `listAdapters` has it too. */
export interface TierSource {
  readonly features: readonly string[];
  readonly subgroupMatrices: readonly SubgroupMatrix[];
  readonly largestSubgroup: number;
}

export function tierSource({ features, info }: Pick<GPUAdapter, "features" | "info">): TierSource {
  return {
    features: [...features].map(String),
    subgroupMatrices: subgroupMatricesOf(info),
    largestSubgroup: largestSubgroupOf(info),
  };
}

/** Sizes that divide the kernel's tiles and fit into workgroup memory with them. */
const MATRIX_SIDES = [8, 16];
const MATRIX_DEPTHS = [8, 16, 32];

/**
 * Of the shapes with float16 factors and float32 sums that fit the kernel, the one with the most arithmetic per load.
 */
function matrixShape(matrices: readonly SubgroupMatrix[]): MatrixShape | undefined {
  const [best] = matrices
    .filter(
      ({ componentType, resultComponentType }) => componentType === "f16" && resultComponentType === "f32",
    )
    .filter(
      ({ M, N, K }) => MATRIX_SIDES.includes(M) && MATRIX_SIDES.includes(N) && MATRIX_DEPTHS.includes(K),
    )
    .map(({ M, N, K }) => ({ rows: M, columns: N, depth: K }))
    .sort((a, b) => b.rows * b.columns * b.depth - a.rows * a.columns * a.depth);
  return best;
}

/** The tiers of an adapter, lowest first. */
export function offeredTiers({ features, subgroupMatrices, largestSubgroup }: TierSource): Tier[] {
  const subgroups = features.includes(SUBGROUPS);
  const shared = subgroups ? [SUBGROUPS] : [];
  const tiers: Tier[] = [{ name: "float32", features: [], subgroups: false, half: false }];
  if (subgroups) tiers.push({ name: "subgroups", features: shared, subgroups, half: false });
  if (!features.includes(HALF)) return tiers;
  tiers.push({ name: "float16", features: [...shared, HALF], subgroups, half: true });
  const matrix = matrixShape(subgroupMatrices);
  if (subgroups && features.includes(SUBGROUP_MATRIX) && matrix)
    tiers.push({
      name: "matrices",
      features: [...shared, HALF, SUBGROUP_MATRIX],
      subgroups,
      half: true,
      matrix: { ...matrix, largestSubgroup },
    });
  return tiers;
}

/** Throws `device/tier` where `asked` is neither `auto` nor a tier's name. */
export function checkTierName(asked: string): void {
  if (asked === "auto" || GPU_TIERS.some((name) => name === asked)) return;
  throw new VitrineError(
    "device/tier",
    `no GPU tier "${asked}"; allowed: auto, ${GPU_TIERS.join(", ")} (--gpu-tier)`,
    { details: { asked } },
  );
}

/** The tier called `asked`. Throws `device/tier` where no tier has that name or the adapter does not offer it. */
export function tierNamed(asked: string, adapter: Pick<GPUAdapter, "features" | "info">): Tier {
  const offered = offeredTiers(tierSource(adapter));
  const found = offered.find(({ name }) => name === asked);
  if (found) return found;
  checkTierName(asked);
  const names = offered.map(({ name }) => name).join(", ");
  throw new VitrineError(
    "device/tier",
    `device webgpu: ${driverName(adapter.info)} does not offer tier ${asked}, only ${names} (--gpu-tier)`,
    { details: { asked, offered: names } },
  );
}

/**
 * The tiers that `auto` tries, best first. On a software adapter only float32: its driver vectorizes over invocations
 * and emulates half precision. Never `matrices`, which has not run on a GPU yet.
 */
export function automaticTiers(source: TierSource, software: boolean): GpuTier[] {
  if (software) return ["float32"];
  const names = offeredTiers(source).map(({ name }) => name);
  return names.filter((name) => name !== "matrices").reverse();
}

/** The constants that every kernel of the tier is compiled with. */
export function tierConstants({ subgroups, half }: Tier): Readonly<Record<string, number>> {
  return { ...(subgroups ? { SUBGROUPS: 1 } : {}), ...(half ? { HALF: 1 } : {}) };
}

/** Kinds of devices with their own tile sizes; `emulated`: a software device on a tier that it emulates. */
export type TileTable = "gpu" | "software" | "emulated";

export function tileTable(software: boolean, half: boolean): TileTable {
  if (!software) return "gpu";
  return half ? "emulated" : "software";
}
