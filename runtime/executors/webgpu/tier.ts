// Tier: what of an adapter's optional features the kernels use, from float32 that every WebGPU device has upwards.

import { VitrineError } from "../../errors.js";
import { driverName, isSoftware } from "../../host/gpu-adapter.js";

/**
 * `float32`: what every device has. `subgroups`: the same numbers, sums over rows by subgroups. `float16`: large activations,
 * their gradients and the weights as kernels read them in float16, sums in float32. `matrices`: as float16, with the matrix
 * units of the GPU (Dawn's experimental subgroup matrices).
 */
export const GPU_TIERS = ["float32", "subgroups", "float16", "matrices"] as const;
export type GpuTier = (typeof GPU_TIERS)[number];

/** A product of small matrices that a subgroup makes at once: [rows, depth]·[depth, columns], float16 in, float32 out. */
export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

export interface Tier {
  readonly name: GpuTier;
  /** Features that the device is asked for. */
  readonly features: readonly string[];
  readonly subgroups: boolean;
  readonly half: boolean;
  readonly matrix?: MatrixShape;
}

const SUBGROUPS = "subgroups";
const HALF = "shader-f16";
export const SUBGROUP_MATRIX = "chromium-experimental-subgroup-matrix";

/** What Dawn tells of subgroup matrices; in no WebGPU specification. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** The shape with the most arithmetic for a load, of those that take float16 and add up in float32. */
function matrixShape(info: GPUAdapterInfo): MatrixShape | undefined {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  const [best] = [...subgroupMatrixConfigs]
    .filter(
      ({ componentType, resultComponentType }) => componentType === "f16" && resultComponentType === "f32",
    )
    .map(({ M, N, K }) => ({ rows: M, columns: N, depth: K }))
    .sort((a, b) => b.rows * b.columns * b.depth - a.rows * a.columns * a.depth);
  return best;
}

/** The tiers of an adapter, lowest first. */
export function offeredTiers({ features, info }: Pick<GPUAdapter, "features" | "info">): Tier[] {
  const has = (feature: string) => (features as ReadonlySet<string>).has(feature);
  const subgroups = has(SUBGROUPS);
  const shared = subgroups ? [SUBGROUPS] : [];
  const tiers: Tier[] = [{ name: "float32", features: [], subgroups: false, half: false }];
  if (subgroups) tiers.push({ name: "subgroups", features: shared, subgroups, half: false });
  if (!has(HALF)) return tiers;
  tiers.push({ name: "float16", features: [...shared, HALF], subgroups, half: true });
  const matrix = matrixShape(info);
  if (subgroups && has(SUBGROUP_MATRIX) && matrix)
    tiers.push({
      ...{ name: "matrices", features: [...shared, HALF, SUBGROUP_MATRIX], subgroups, half: true },
      matrix,
    });
  return tiers;
}

/** The tier called `asked`. Throws `device/tier` where there is none of that name, or the adapter does not offer it. */
export function tierNamed(asked: string, adapter: Pick<GPUAdapter, "features" | "info">): Tier {
  const offered = offeredTiers(adapter);
  const found = offered.find(({ name }) => name === asked);
  if (found) return found;
  const names = offered.map(({ name }) => name).join(", ");
  const what = GPU_TIERS.some((name) => name === asked)
    ? `${driverName(adapter.info)} does not offer it`
    : "there is no such tier";
  throw new VitrineError(
    "device/tier",
    `GPU tier "${asked}": ${what}; offered: auto, ${names} (--gpu-tier)`,
    {
      details: { asked, offered: names },
    },
  );
}

/**
 * The tiers that are worth a try where nobody asked for one, best first. On a processor float32 alone: a driver makes vectors
 * of invocations there and emulates half precision. Never `matrices`, which no GPU has run yet.
 */
export function automaticTiers(adapter: Pick<GPUAdapter, "features" | "info">): GpuTier[] {
  if (isSoftware(adapter.info)) return ["float32"];
  const names = offeredTiers(adapter).map(({ name }) => name);
  return names.filter((name) => name !== "matrices").reverse();
}

/** The constants that every kernel of the tier is compiled with. */
export function tierConstants({ subgroups, half }: Tier): Readonly<Record<string, number>> {
  return { ...(subgroups ? { SUBGROUPS: 1 } : {}), ...(half ? { HALF: 1 } : {}) };
}
