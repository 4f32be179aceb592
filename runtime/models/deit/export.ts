// DeiT export: the class, the sizes and the tensor names under which transformers and timm load a DeiT, DeiT III or ViT.

import { VitrineError } from "../../errors.js";
import type { TensorMap } from "../../weights/tensor-map.js";
import { defined, type Fields } from "../config-fields.js";
import type { HuggingFaceModel, TimmModel } from "../family.js";
import { type DeitConfig, normsPool } from "./config.js";
import { deitFields, TIMM_ARGUMENTS } from "./fields.js";
import { type HuggingFaceClass, toHuggingFaceNames } from "./key-map.js";
import { DEIT_NAMES, publishedDeit } from "./published.js";

type Property = keyof DeitConfig;

/** What every format is given, and what weights do not depend on once they are trained. */
const SIZES: readonly Property[] = [
  ...(["imageSize", "classes", "mean", "std", "cropRatio", "patchSize", "dim", "depth", "heads"] as const),
  ...(["mlpDim", "distilled", "layerNormEpsilon", "interpolation", "cropMode", "cropRounding"] as const),
  "initializerRange",
];

/** Properties of variants, and the value with which a model is no variant. */
const PLAIN: Partial<DeitConfig> = {
  prefixPositions: true,
  classToken: true,
  registers: 0,
  qkvBias: true,
  pool: "token",
  poolNorm: false,
};

/** What a model with such a property has, in the words of the documentation. */
const WORDS: Partial<Record<string, string>> = {
  prefixPositions: "positions on the patches alone",
  classToken: "no class token",
  registers: "register tokens",
  qkvBias: "no qkv biases",
  pool: "average pooling",
  poolNorm: "a norm after pooling (fc_norm)",
  layerScale: "LayerScale",
};

/**
 * Throws `export/unsupported` for a property that is neither of `described` nor a plain model's: a variant that other
 * projects would compute as something else.
 */
function checkDescribed(
  config: DeitConfig,
  described: readonly Property[],
  format: string,
  allowed: string,
): void {
  const plain = new Map<string, unknown>(Object.entries(PLAIN));
  const unknown = Object.entries(config).find(([name, value]) => {
    if ([...SIZES, ...described].includes(name as Property) || value === undefined) return false;
    return plain.has(name) ? value !== plain.get(name) : Boolean(value);
  });
  if (!unknown) return;
  const [name, value] = unknown;
  const text = `a model with ${WORDS[name] ?? `${name} ${JSON.stringify(value)}`} cannot be exported as ${format}, which has no class for it; allowed: ${allowed} (--format)`;
  throw new VitrineError("export/unsupported", text, { details: { format, property: name } });
}

/** The class whose logits are the model's: of transformers' DeiTs, those without a teacher's head keep its token. */
function classOf({ distilled, registers }: DeitConfig): HuggingFaceClass {
  if (distilled) return "DeiTForImageClassificationWithTeacher";
  return registers === 1 ? "DeiTForImageClassification" : "ViTForImageClassification";
}

/** Fields of our own config.json that transformers' classes do not have. */
const TIMM_FIELDS = ["init_values", "no_embed_class", "class_token", "reg_tokens", "global_pool", "fc_norm"];

export function deitToHuggingFace(config: DeitConfig, weights: TensorMap): HuggingFaceModel {
  const className = classOf(config);
  const registers: Property[] = className === "DeiTForImageClassification" ? ["registers"] : [];
  checkDescribed(config, ["qkvBias", ...registers], "hf", "timm, pth, onnx");
  const own = Object.entries(deitFields(config)).filter(([name]) => !TIMM_FIELDS.includes(name));
  const fields = {
    ...Object.fromEntries(own),
    model_type: className.startsWith("DeiT") ? "deit" : "vit",
    architectures: [className],
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
    image_size: config.imageSize,
  };
  return { fields, tensors: toHuggingFaceNames(weights, className) };
}

/** timm computes int(dim · ratio), whatever the division's last bit. */
function mlpRatio({ mlpDim, dim }: DeitConfig): number {
  const ratio = mlpDim / dim;
  return Math.trunc(dim * ratio) === mlpDim ? ratio : (mlpDim + 0.5) / dim;
}

function sizeArguments(config: DeitConfig): Fields {
  const sizes = Object.entries(TIMM_ARGUMENTS).filter(([, size]) => size !== "classes");
  return {
    ...Object.fromEntries(sizes.map(([argument, size]) => [argument, config[size]])),
    mlp_ratio: mlpRatio(config),
  };
}

/** What a variant changes of a plain model. */
function variantArguments(config: DeitConfig): Fields {
  const { prefixPositions = true, classToken = true, registers = 0, qkvBias = true } = config;
  return defined<Fields>({
    init_values: config.layerScale,
    no_embed_class: prefixPositions ? undefined : true,
    class_token: classToken ? undefined : false,
    reg_tokens: registers === 0 ? undefined : registers,
    qkv_bias: qkvBias ? undefined : false,
    global_pool: config.pool === "avg" ? "avg" : undefined,
    fc_norm: config.pool === "avg" ? normsPool(config) : undefined,
  });
}

/** Equal for models that timm makes from the same arguments; LayerScale's initial value is overwritten. */
function architectureOf(config: DeitConfig): string {
  const variant = variantArguments(config);
  if ("init_values" in variant) variant.init_values = true;
  return JSON.stringify([config.distilled, sizeArguments(config), variant]);
}

/** timm's LayerNorm in every model; it cannot be passed. */
const TIMM_EPSILON = 1e-6;

/** The published name whose sizes are the model's, else that of a plain one with every size as an argument. */
export function deitToTimm(config: DeitConfig): TimmModel {
  const variants = ["layerScale", ...(Object.keys(PLAIN) as Property[])] as Property[];
  checkDescribed(config, variants, "timm", "pth, onnx");
  const wanted = architectureOf(config);
  const same = DEIT_NAMES.find((name) => architectureOf(publishedDeit(name) as DeitConfig) === wanted);
  const plain = `deit_base${config.distilled ? "_distilled" : ""}_patch16_224`;
  const epsilon = config.layerNormEpsilon;
  const isTimms = epsilon === TIMM_EPSILON;
  return {
    architecture: same ?? plain,
    modelArgs: same === undefined ? { ...sizeArguments(config), ...variantArguments(config) } : {},
    features: config.dim,
    globalPool: config.pool ?? "token",
    firstConvolution: "patch_embed.proj",
    otherFields: isTimms ? {} : { layer_norm_eps: epsilon },
    notices: isTimms ? [] : [`timm computes layer norms with ε ${TIMM_EPSILON}, the model with ${epsilon}`],
  };
}
