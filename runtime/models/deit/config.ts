// DeiT config: the sizes of a DeiT or ViT, their names in config.json, and the published models.

import { VitrineError } from "../../errors.js";
import { type ClassifierConfig, IMAGENET_MEAN, IMAGENET_STD } from "../config.js";
import { checkFixed, defined, type Fields, positiveNumber, wholeNumber } from "../config-fields.js";

/** Sizes of a DeiT or ViT. arXiv 2012.12877, table 1; timm's vision_transformer.py. */
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
}

/** Field of config.json → ours. */
const FIELDS = {
  patch_size: "patchSize",
  hidden_size: "dim",
  num_hidden_layers: "depth",
  num_attention_heads: "heads",
  intermediate_size: "mlpDim",
} as const;

/** Fields with one value in these models. */
const FIXED: Fields = { num_channels: 3, hidden_act: "gelu", qkv_bias: true };

function readDistilled({ architectures }: Fields): boolean | undefined {
  if (!Array.isArray(architectures) || architectures.length === 0) return undefined;
  return architectures.some((name) => String(name).endsWith("WithTeacher"));
}

/** The fields of a config.json that are a DeiT's own. Throws `model/config`. */
export function readDeitFields(fields: Fields, subject: string): Partial<DeitConfig> {
  checkFixed(fields, FIXED, subject);
  const sizes = Object.entries(FIELDS).map(([field, size]) => [size, wholeNumber(fields, field, subject)]);
  return defined<DeitConfig>({
    ...Object.fromEntries(sizes),
    distilled: readDistilled(fields),
    layerNormEpsilon: positiveNumber(fields, "layer_norm_eps", subject),
  });
}

export function deitFields(config: DeitConfig): Fields {
  return {
    model_type: config.distilled ? "deit" : "vit",
    architectures: [config.distilled ? "DeiTForImageClassificationWithTeacher" : "ViTForImageClassification"],
    ...Object.fromEntries(Object.entries(FIELDS).map(([field, size]) => [field, config[size]])),
    ...FIXED,
    layer_norm_eps: config.layerNormEpsilon,
  };
}

/** Of every published model; the shapes of a checkpoint do not determine the number of heads. */
export const HEAD_DIM = 64;

const REQUIRED = {
  imageSize: "image_size",
  patchSize: "patch_size",
  dim: "hidden_size",
  depth: "num_hidden_layers",
  heads: "num_attention_heads",
  classes: "num_labels",
} as const;

/**
 * A configuration with the defaults of every published DeiT: MLP ratio 4, no distillation token, LayerNorm ε 1e-6,
 * ImageNet's mean and standard deviation, crop ratio 0.875. `subject` names the source of `sizes` in errors. Throws
 * `model/config` where imageSize, patchSize, dim, depth, heads or classes is missing.
 */
export function completeConfig(sizes: Partial<DeitConfig>, subject: string): DeitConfig {
  const { dim } = sizes;
  for (const [size, field] of Object.entries(REQUIRED)) {
    if (sizes[size as keyof typeof REQUIRED] !== undefined) continue;
    const why =
      size === "heads" && dim !== undefined && dim % HEAD_DIM !== 0
        ? `: width ${dim} is not a multiple of the usual head dimension ${HEAD_DIM}, so the number of heads ` +
          "cannot be derived; give it in a config.json beside model.safetensors"
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

/** Throws `model/config` where sizes are not positive whole numbers or do not divide each other. */
export function checkConfig(config: DeitConfig): void {
  const sizes = ["imageSize", "patchSize", "dim", "depth", "heads", "mlpDim", "classes"] as const;
  for (const name of sizes) {
    const size = config[name];
    if (Number.isSafeInteger(size) && size >= 1) continue;
    const text = `model configuration: ${name} is ${size}, it must be a whole number of at least 1`;
    throw new VitrineError("model/config", text, { details: { name, size } });
  }
  const divisible = (whole: "imageSize" | "dim", part: "patchSize" | "heads") => {
    if (config[whole] % config[part] === 0) return;
    const text = `model configuration: ${whole} ${config[whole]} is not a multiple of ${part} ${config[part]}`;
    throw new VitrineError("model/config", text, {
      details: { [whole]: config[whole], [part]: config[part] },
    });
  };
  divisible("imageSize", "patchSize");
  divisible("dim", "heads");
}

/** Table 1 of arXiv 2012.12877: name → width and heads. */
const PUBLISHED: readonly [size: string, dim: number, heads: number][] = [
  ["tiny", 192, 3],
  ["small", 384, 6],
  ["base", 768, 12],
];

const MODELS: ReadonlyMap<string, DeitConfig> = new Map(
  [false, true].flatMap((distilled) =>
    PUBLISHED.map(([size, dim, heads]): [string, DeitConfig] => {
      const sizes = { imageSize: 224, patchSize: 16, dim, depth: 12, heads, classes: 1000, distilled };
      const name = `deit_${size}${distilled ? "_distilled" : ""}_patch16_224`;
      return [name, completeConfig(sizes, name)];
    }),
  ),
);

/** timm's names of the published DeiTs at 224 pixels, those without a distillation token first. */
export const DEIT_NAMES: readonly string[] = [...MODELS.keys()];

/** The configuration of a published DeiT, the caller's to change; undefined where the name is not in `DEIT_NAMES`. */
export function publishedDeit(name: string): DeitConfig | undefined {
  const config = MODELS.get(name);
  return config && structuredClone(config);
}
