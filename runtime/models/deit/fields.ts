// DeiT fields: the sizes of a DeiT, DeiT III or ViT in a config.json, under Hugging Face's names and as timm's
// `model_args`.

import { quote } from "../../errors.js";
import {
  checkFixed,
  defined,
  type Fields,
  isFields,
  positiveNumber,
  refuse,
  wholeNumber,
} from "../config-fields.js";
import type { DeitConfig } from "./config.js";
import { sizesOfName } from "./published.js";

/** Field of Hugging Face's config.json → ours. */
const FIELDS = {
  patch_size: "patchSize",
  hidden_size: "dim",
  num_hidden_layers: "depth",
  num_attention_heads: "heads",
  intermediate_size: "mlpDim",
} as const;

/** Argument of timm's VisionTransformer → ours. */
export const TIMM_ARGUMENTS = {
  img_size: "imageSize",
  patch_size: "patchSize",
  embed_dim: "dim",
  depth: "depth",
  num_heads: "heads",
  num_classes: "classes",
} as const;

/** Published models have 2 to 6. */
const LARGEST_RATIO = 1024;

/** Fields with one value in these models. */
const FIXED: Fields = { num_channels: 3, hidden_act: "gelu" };

/** Arguments of timm with one value in these models; the others change nothing in evaluation. */
const FIXED_ARGUMENTS: Fields = {
  in_chans: 3,
  qk_norm: false,
  pre_norm: false,
  final_norm: true,
  scale_attn_norm: false,
  scale_mlp_norm: false,
  proj_bias: true,
  pos_embed: "learn",
  act_layer: null,
  norm_layer: null,
};

/** Arguments that only matter in training, or choose between forms that compute the same. */
const WITHOUT_EFFECT = [
  ...["drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate", "drop_path_rate"],
  ...["weight_init", "fix_init", "dynamic_img_size", "dynamic_img_pad", "strict_img_size"],
];

function readDistilled({ architectures }: Fields): boolean | undefined {
  if (!Array.isArray(architectures) || architectures.length === 0) return undefined;
  return architectures.some((name) => typeof name === "string" && name.endsWith("WithTeacher"));
}

function flag(fields: Fields, field: string, subject: string): boolean | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  throw refuse(subject, field, value, "true, false");
}

/** timm's pooling; "" and null are a model without a head. */
function readPool(fields: Fields, subject: string): DeitConfig["pool"] | undefined {
  const { global_pool: value } = fields;
  if (value === undefined || value === null || value === "") return undefined;
  if (value === "token" || value === "avg") return value;
  throw refuse(subject, "global_pool", value, "token, avg");
}

/** How the tokens are formed and read, which timm and our own files call the same. */
function readParts(fields: Fields, subject: string): Partial<DeitConfig> {
  const withoutPrefix = flag(fields, "no_embed_class", subject);
  const registers = fields.reg_tokens === 0 ? 0 : wholeNumber(fields, "reg_tokens", subject);
  return defined<DeitConfig>({
    layerScale: positiveNumber(fields, "init_values", subject),
    prefixPositions: withoutPrefix === undefined ? undefined : !withoutPrefix,
    classToken: flag(fields, "class_token", subject),
    registers,
    // True is the default, and files of models without biases leave it out as often.
    qkvBias: flag(fields, "qkv_bias", subject) === false ? false : undefined,
    pool: readPool(fields, subject),
    poolNorm: flag(fields, "fc_norm", subject),
  });
}

/** timm's `model_args`: what a model changes of its architecture. */
function readArguments(fields: Fields, subject: string): Partial<DeitConfig> {
  const { model_args: given } = fields;
  if (given === undefined || given === null) return {};
  if (!isFields(given)) throw refuse(subject, "model_args", given, "an object");
  const allowed = [
    ...Object.keys(TIMM_ARGUMENTS),
    ...["mlp_ratio", "init_values", "no_embed_class", "class_token", "reg_tokens", "qkv_bias"],
    ...["global_pool", "fc_norm", ...Object.keys(FIXED_ARGUMENTS), ...WITHOUT_EFFECT],
  ];
  const unknown = Object.keys(given).find((name) => !allowed.includes(name));
  if (unknown !== undefined)
    throw refuse(subject, `model_args.${quote(unknown)}`, given[unknown], "arguments of a plain ViT");
  checkFixed(given, FIXED_ARGUMENTS, subject);
  const name = (argument: string): string => `model_args.${argument}`;
  const inner = Object.fromEntries(Object.entries(given).map(([argument, value]) => [name(argument), value]));
  const sizes = Object.entries(TIMM_ARGUMENTS).map(([argument, size]) => [
    size,
    wholeNumber(inner, name(argument), subject),
  ]);
  const known = defined<DeitConfig>(Object.fromEntries(sizes));
  return { ...known, ...readMlpRatio(fields, inner, known.dim, subject), ...readParts(given, subject) };
}

/** The MLP's width that `mlp_ratio` asks for; a width of its own changes it as well, as timm's default ratio is 4. */
function readMlpRatio(
  fields: Fields,
  inner: Fields,
  ownDim: number | undefined,
  subject: string,
): Partial<DeitConfig> {
  const field = "model_args.mlp_ratio";
  const ratio = positiveNumber(inner, field, subject);
  if (ratio !== undefined && ratio > LARGEST_RATIO)
    throw refuse(subject, field, ratio, `above 0 and at most ${LARGEST_RATIO}`);
  const dim = ownDim ?? wholeNumber(fields, "hidden_size", subject) ?? sizesOfArchitecture(fields).dim;
  const factor = ratio ?? (ownDim === undefined ? undefined : 4);
  if (factor === undefined || dim === undefined) return {};
  const mlpDim = Math.trunc(dim * factor);
  if (mlpDim < 1) throw refuse(subject, field, ratio, `at least ${1 / dim}, one value of hidden_size ${dim}`);
  return { mlpDim };
}

/** A size may be under Hugging Face's name and among timm's arguments, but not with two values. */
function checkAgreement(fields: Fields, given: Partial<DeitConfig>, subject: string): void {
  for (const [field, size] of Object.entries(FIELDS)) {
    const value = wholeNumber(fields, field, subject);
    const argument = given[size];
    if (value !== undefined && argument !== undefined && value !== argument)
      throw refuse(subject, field, value, `${argument}, which model_args ask for, or no ${field}`);
  }
}

function sizesOfArchitecture({ architecture }: Fields): Partial<DeitConfig> {
  return typeof architecture === "string" ? sizesOfName(architecture) : {};
}

/** The fields of a config.json that are a DeiT's own. Throws `model/config`. */
export function readDeitFields(fields: Fields, subject: string): Partial<DeitConfig> {
  checkFixed(fields, FIXED, subject);
  const sizes = Object.entries(FIELDS).map(([field, size]) => [size, wholeNumber(fields, field, subject)]);
  const given = readArguments(fields, subject);
  checkAgreement(fields, given, subject);
  return {
    ...given,
    ...defined<DeitConfig>({
      ...Object.fromEntries(sizes),
      distilled: readDistilled(fields),
      layerNormEpsilon: positiveNumber(fields, "layer_norm_eps", subject),
      initializerRange: positiveNumber(fields, "initializer_range", subject),
    }),
    ...readParts(fields, subject),
  };
}

/** Under Hugging Face's names, and under timm's what Hugging Face's ViT does not have. */
export function deitFields(config: DeitConfig): Fields {
  const { prefixPositions } = config;
  return {
    model_type: config.distilled ? "deit" : "vit",
    architectures: [config.distilled ? "DeiTForImageClassificationWithTeacher" : "ViTForImageClassification"],
    ...Object.fromEntries(Object.entries(FIELDS).map(([field, size]) => [field, config[size]])),
    ...FIXED,
    qkv_bias: config.qkvBias ?? true,
    layer_norm_eps: config.layerNormEpsilon,
    ...defined<Fields>({
      initializer_range: config.initializerRange,
      init_values: config.layerScale,
      no_embed_class: prefixPositions === undefined ? undefined : !prefixPositions,
      class_token: config.classToken,
      reg_tokens: config.registers,
      global_pool: config.pool,
      fc_norm: config.poolNorm,
    }),
  };
}
