// RegNetY export: timm's name for a RegNetY. transformers' RegNet has other tensor names, which are not written yet.

import { VitrineError } from "../../errors.js";
import type { TimmModel } from "../family.js";
import { publishedRegnety, REGNETY_NAMES, type RegnetyConfig, type RegnetyStage } from "./config.js";

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
      "allowed: pth, onnx";
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
