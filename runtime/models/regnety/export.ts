// RegNetY export: a RegNetY as transformers' RegNetForImageClassification, and timm's name for it.

import { VitrineError } from "../../errors.js";
import type { TensorMap } from "../../weights/tensor-map.js";
import type { HuggingFaceModel, TimmModel } from "../family.js";
import {
  publishedRegnety,
  REGNETY_DEFAULTS,
  REGNETY_NAMES,
  type RegnetyConfig,
  type RegnetyStage,
  regnetyFields,
  squeezeWidth,
} from "./config.js";
import { toHuggingFaceNames } from "./key-map.js";

/** What timm derives from an architecture's name. */
function architectureOf({ stemWidth, stages, groupWidth, seRatio, batchNormEpsilon }: RegnetyConfig): string {
  return JSON.stringify([
    stemWidth,
    stages.map(({ width, depth }) => [width, depth]),
    groupWidth,
    seRatio,
    batchNormEpsilon,
  ]);
}

/** transformers squeezes to a quarter and has PyTorch's ε; neither can be passed. Throws `export/unsupported`. */
export function regnetyToHuggingFace(config: RegnetyConfig, weights: TensorMap): HuggingFaceModel {
  const { stages, stemWidth, seRatio, batchNormEpsilon: epsilon } = config;
  const { seRatio: usualRatio, batchNormEpsilon: usualEpsilon } = REGNETY_DEFAULTS;
  const inputs = [stemWidth, ...stages.map(({ width }) => width)];
  const usual = { ...config, seRatio: usualRatio };
  const squeezes = inputs.every((width) => squeezeWidth(config, width) === squeezeWidth(usual, width));
  const refused = (what: string): VitrineError => {
    const text = `a RegNetY with ${what} cannot be exported as hf, whose class has no field for it; allowed: pth, onnx (--format)`;
    return new VitrineError("export/unsupported", text, { details: { format: "hf" } });
  };
  if (!squeezes) throw refused(`se_ratio ${seRatio}, not ${usualRatio},`);
  if (epsilon !== usualEpsilon) throw refused(`a batch norm ε of ${epsilon}, not ${usualEpsilon},`);
  const { se_ratio: _ratio, bottle_ratio: _bottle, ...fields } = regnetyFields(config);
  return {
    fields: {
      ...fields,
      model_type: "regnet",
      architectures: ["RegNetForImageClassification"],
      image_size: config.imageSize,
    },
    tensors: toHuggingFaceNames(weights),
  };
}

/** timm makes RegNetYs from the published names only: stages cannot be passed. Throws `export/unsupported`. */
export function regnetyToTimm(config: RegnetyConfig): TimmModel {
  const wanted = architectureOf(config);
  const architecture = REGNETY_NAMES.find(
    (name) => architectureOf(publishedRegnety(name) as RegnetyConfig) === wanted,
  );
  if (architecture === undefined) {
    const stages = config.stages.map(({ width, depth }) => `${depth}×${width}`).join(", ");
    const text =
      `a RegNetY of stages ${stages} has no name in timm, which makes only published ones; ` +
      "allowed: hf, pth, onnx";
    throw new VitrineError("export/unsupported", text, { details: { format: "timm" } });
  }
  return {
    architecture,
    modelArgs: {},
    features: (config.stages.at(-1) as RegnetyStage).width,
    globalPool: "avg",
    firstConvolution: "stem.conv",
    otherFields: {},
    notices: [],
  };
}
