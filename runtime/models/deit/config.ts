// DeiT config: the sizes of a DeiT, DeiT III or ViT, their defaults, and which of them fit together.

import { VitrineError } from "../../errors.js";
import { type ClassifierConfig, IMAGENET_MEAN, IMAGENET_STD } from "../config.js";

/**
 * Sizes of a DeiT, DeiT III or ViT. arXiv 2012.12877, table 1; 2204.07118; timm's vision_transformer.py. The optional
 * fields are where these models differ from DeiT.
 */
export interface DeitConfig extends ClassifierConfig {
  /** Side of a patch, in pixels. */
  patchSize: number;
  /** Width of a token. */
  dim: number;
  /** Number of blocks. */
  depth: number;
  /** Attention heads of a block. */
  heads: number;
  /** Width of the MLP's hidden layer; 4·dim in every published model. */
  mlpDim: number;
  /** Whether there is a distillation token and a second head. */
  distilled: boolean;
  /** ε of every layer norm; 1e-6 in every published model. */
  layerNormEpsilon: number;
  /**
   * What the factors of LayerScale start from in a training from scratch (arXiv 2103.17239); absent: no LayerScale.
   * 1e-4 in DeiT III (models_v2.py).
   */
  layerScale?: number;
  /**
   * Standard deviation of tokens, position embedding and linear weights in a training from scratch. Default 0.02, that
   * of every published model.
   */
  initializerRange?: number;
  /** Whether the position embedding has rows for the tokens before the patches. Default true; false in DeiT III. */
  prefixPositions?: boolean;
  /** Whether there is a class token. Default true. */
  classToken?: boolean;
  /** Register tokens (arXiv 2309.16588): before the patches, read by no head. Default 0. */
  registers?: number;
  /** Whether attention's query, key and value have biases. Default true. */
  qkvBias?: boolean;
  /** What the head reads: the class token, or the average of the patches. Default "token". */
  pool?: "token" | "avg";
  /** Whether the last layer norm follows the average (timm's fc_norm) and not the blocks. Default: with pool "avg". */
  poolNorm?: boolean;
}

/** Of nearly every published model; the shapes of a checkpoint do not determine the number of heads. */
const HEAD_DIM = 64;

/** Published widths whose heads are wider: ViT-H, ViT-g and ViT-G have 16. */
const WIDE_HEADS: ReadonlyMap<number, number> = new Map([
  [1280, 16],
  [1408, 16],
  [1664, 16],
]);

/** Heads of the published models of this width; undefined where there is none. */
function usualHeads(dim: number): number | undefined {
  return WIDE_HEADS.get(dim) ?? (dim % HEAD_DIM === 0 ? dim / HEAD_DIM : undefined);
}

/** Patches of an image. */
export function patchCount(config: DeitConfig): number {
  return (config.imageSize / config.patchSize) ** 2;
}

/** Tokens before the patches: class token, distillation token, registers. */
export function prefixCount({ classToken = true, distilled, registers = 0 }: Partial<DeitConfig>): number {
  return (classToken ? 1 : 0) + (distilled ? 1 : 0) + registers;
}

/** Patches and the tokens before them. */
export function tokenCount(config: DeitConfig): number {
  return patchCount(config) + prefixCount(config);
}

/** Rows of the position embedding. */
export function positionCount(config: DeitConfig): number {
  return config.prefixPositions === false ? patchCount(config) : tokenCount(config);
}

/** Whether the last layer norm follows the average over the patches. */
export function normsPool({ pool, poolNorm }: Pick<DeitConfig, "pool" | "poolNorm">): boolean {
  return poolNorm ?? pool === "avg";
}

/** The class head, and the distillation head of a distilled model. */
export function headNames({ distilled }: DeitConfig): string[] {
  return distilled ? ["head", "head_dist"] : ["head"];
}

const REQUIRED = {
  imageSize: "image_size",
  patchSize: "patch_size",
  dim: "hidden_size",
  depth: "num_hidden_layers",
  heads: "num_attention_heads",
  classes: "num_labels",
} as const;

/** `heads` from the width, where the sizes do not give it. */
function withHeads(sizes: Partial<DeitConfig>): Partial<DeitConfig> {
  const heads = sizes.heads ?? (sizes.dim === undefined ? undefined : usualHeads(sizes.dim));
  return heads === undefined ? sizes : { ...sizes, heads };
}

/**
 * A configuration with the defaults of every published DeiT: heads of 64 values, MLP ratio 4, no distillation token,
 * LayerNorm ε 1e-6, ImageNet's mean and standard deviation, crop ratio 0.875. `subject` names the source of `sizes` in
 * errors. Throws `model/config` where imageSize, patchSize, dim, depth, classes, or the heads of an unusual width are
 * missing.
 */
export function completeConfig(given: Partial<DeitConfig>, subject: string): DeitConfig {
  const sizes = withHeads(given);
  const { dim } = sizes;
  for (const [size, field] of Object.entries(REQUIRED)) {
    if (sizes[size as keyof typeof REQUIRED] !== undefined) continue;
    const why =
      size === "heads" && dim !== undefined
        ? `: width ${dim} is not a multiple of the usual head dimension ${HEAD_DIM}, so the number of heads ` +
          "cannot be derived; give it in config.json beside model.safetensors"
        : "";
    const details = { file: subject, field };
    throw new VitrineError("model/config", `${subject}: ${field} is missing${why}`, { details });
  }
  return {
    mlpDim: 4 * (dim as number),
    distilled: false,
    layerNormEpsilon: 1e-6,
    mean: [...IMAGENET_MEAN],
    std: [...IMAGENET_STD],
    cropRatio: 0.875,
    ...sizes,
  } as DeitConfig;
}

/** Larger than any model; a config.json that asks for more is refused before a list of its tensors is made. */
const LARGEST = { depth: 1024, size: 2 ** 20 } as const;

/** Within these float32 computes what is meant: published models have 1e-12 to 1e-5. */
const EPSILONS = { least: 1e-15, most: 1 } as const;

/** Published models start from 1e-6 to 0.1; the factors of all blocks multiply. */
const LAYER_SCALES = { least: 1e-12, most: 100 } as const;

/** Published models start from 0.02; with less float32 loses what is small, with more nothing trains. */
const INITIALIZER_RANGES = { least: 1e-12, most: 1 } as const;

const LARGEST_REGISTERS = 1024;

/** Fields of config.json by our names; `subject` names the file or model that they are of. */
const FIELD_NAMES = { ...REQUIRED, mlpDim: "intermediate_size" } as const;

function invalid(subject: string, field: string, got: unknown, allowed: string): VitrineError {
  return new VitrineError("model/config", `${subject}: ${field} is ${got}; allowed: ${allowed}`, {
    details: { file: subject, field },
  });
}

/**
 * Throws `model/config` where sizes are not positive whole numbers, too large for any model, do not divide each other,
 * or where parts contradict each other. `subject` names the configuration's source in errors.
 */
export function checkConfig(config: DeitConfig, subject = "model configuration"): void {
  const sizes = ["imageSize", "patchSize", "dim", "depth", "heads", "mlpDim", "classes"] as const;
  for (const name of sizes) {
    const size = config[name];
    const most = name === "depth" ? LARGEST.depth : LARGEST.size;
    if (Number.isSafeInteger(size) && size >= 1 && size <= most) continue;
    throw invalid(subject, FIELD_NAMES[name], size, `a whole number from 1 to ${most}`);
  }
  const divisible = (whole: "imageSize" | "dim", part: "patchSize" | "heads") => {
    if (config[whole] % config[part] === 0) return;
    const allowed = `a multiple of ${FIELD_NAMES[part]}, which is ${config[part]}`;
    throw invalid(subject, FIELD_NAMES[whole], config[whole], allowed);
  };
  divisible("imageSize", "patchSize");
  divisible("dim", "heads");
  const within = (field: string, value: number, { least, most }: { least: number; most: number }) => {
    if (value >= least && value <= most) return;
    throw invalid(subject, field, value, `a number from ${least} to ${most}`);
  };
  within("layer_norm_eps", config.layerNormEpsilon, EPSILONS);
  if (config.layerScale !== undefined) within("init_values", config.layerScale, LAYER_SCALES);
  if (config.initializerRange !== undefined)
    within("initializer_range", config.initializerRange, INITIALIZER_RANGES);
  checkTokens(config, subject);
}

function checkTokens(config: DeitConfig, subject: string): void {
  const { registers = 0, classToken = true, pool = "token", distilled } = config;
  if (!Number.isSafeInteger(registers) || registers < 0 || registers > LARGEST_REGISTERS)
    throw invalid(subject, "reg_tokens", registers, `a whole number from 0 to ${LARGEST_REGISTERS}`);
  if (pool === "token" && !classToken)
    throw invalid(subject, "global_pool", pool, '"avg" for a model without a class token');
  if (distilled && (pool !== "token" || registers > 0))
    throw invalid(subject, "distilled", distilled, "false with average pooling or register tokens");
  if (pool === "token" && normsPool(config))
    throw invalid(subject, "fc_norm", true, "false for a head that reads the class token");
  if (patchCount(config) > LARGEST.size)
    throw invalid(subject, "the number of patches", patchCount(config), `at most ${LARGEST.size}`);
}
