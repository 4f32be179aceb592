// RegNetY config: the sizes of the convnet that teaches DeiT, their names in config.json, and the design space that
// derives all of them from four numbers. Radosavovic et al., arXiv 2003.13678; timm 0.3.2 regnet.py.

import { VitrineError } from "../../errors.js";
import { roundHalfEven } from "../../round-half-even.js";
import { type ClassifierConfig, IMAGENET_MEAN, IMAGENET_STD } from "../config.js";
import {
  checkFixed,
  defined,
  type Fields,
  positiveNumber,
  refuse,
  wholeNumber,
  wholeNumbers,
} from "../config-fields.js";

/** A stage: consecutive blocks of the same width. */
export interface RegnetyStage {
  /** Output channels of each block. */
  width: number;
  /** Blocks; the first has stride 2. */
  depth: number;
}

/** Sizes of a RegNetY, the convnet that teaches DeiT. arXiv 2003.13678; timm 0.3.2 regnet.py. */
export interface RegnetyConfig extends ClassifierConfig {
  /** Output channels of the stem. */
  stemWidth: number;
  stages: RegnetyStage[];
  /** Channels of a group of the 3×3 convolutions. */
  groupWidth: number;
  /** Channels between the layers of squeeze-and-excitation, as a fraction of a block's input channels. */
  seRatio: number;
  /** ε of every batch norm; 1e-5 in every published model. */
  batchNormEpsilon: number;
}

/** The parameters of the paper's design space: widths grow linearly with the block and are then quantized. */
export interface RegnetDesign {
  /** First width. */
  w0: number;
  /** Growth per block. */
  wa: number;
  /** Factor between the widths of consecutive stages. */
  wm: number;
  groupWidth: number;
  depth: number;
}

/**
 * Equations 2 to 4 of the paper: u = w0 + wa·i, s = round(log(u/w0)/log wm), width = 8·round(w0·wm^s/8); blocks of
 * equal width form a stage, whose width is rounded to a multiple of the group width.
 */
export function regnetStages({ w0, wa, wm, groupWidth, depth }: RegnetDesign): RegnetyStage[] {
  const depths = new Map<number, number>();
  for (let block = 0; block < depth; block++) {
    const exponent = roundHalfEven(Math.log((w0 + wa * block) / w0) / Math.log(wm));
    const width = 8 * roundHalfEven((w0 * wm ** exponent) / 8);
    depths.set(width, (depths.get(width) ?? 0) + 1);
  }
  return Array.from(depths, ([width, blocks]) => {
    const group = Math.min(groupWidth, width);
    return { width: group * roundHalfEven(width / group), depth: blocks };
  });
}

/** Channels of a group in a stage of this width. */
export function groupWidthOf({ groupWidth }: RegnetyConfig, width: number): number {
  return Math.min(groupWidth, width);
}

/** Channels between the two layers of squeeze-and-excitation, from the block's input channels. */
export function squeezeWidth({ seRatio }: RegnetyConfig, inputs: number): number {
  return roundHalfEven(inputs * seRatio);
}

/** Table of timm 0.3.2: w0, wa, wm, group width, depth. */
const PUBLISHED: Readonly<Record<string, [number, number, number, number, number]>> = {
  regnety_002: [24, 36.44, 2.49, 8, 13],
  regnety_004: [48, 27.89, 2.09, 8, 16],
  regnety_006: [48, 32.54, 2.32, 16, 15],
  regnety_008: [56, 38.84, 2.4, 16, 14],
  regnety_016: [48, 20.71, 2.65, 24, 27],
  regnety_032: [80, 42.63, 2.66, 24, 21],
  regnety_040: [96, 31.41, 2.24, 64, 22],
  regnety_064: [112, 33.22, 2.27, 72, 25],
  regnety_080: [192, 76.82, 2.19, 56, 17],
  regnety_120: [168, 73.36, 2.37, 112, 19],
  regnety_160: [200, 106.23, 2.48, 112, 18],
  regnety_320: [232, 115.89, 2.53, 232, 20],
};

export const REGNETY_NAMES: readonly string[] = Object.keys(PUBLISHED);

/** Of every published RegNetY. */
export const REGNETY_DEFAULTS = {
  imageSize: 224,
  stemWidth: 32,
  seRatio: 0.25,
  batchNormEpsilon: 1e-5,
  mean: IMAGENET_MEAN,
  std: IMAGENET_STD,
  cropRatio: 0.875,
} as const;

/**
 * The configuration of a published RegNetY, the caller's to change; undefined where the name is not in `REGNETY_NAMES`.
 */
export function publishedRegnety(name: string): RegnetyConfig | undefined {
  const entry = Object.hasOwn(PUBLISHED, name) ? PUBLISHED[name] : undefined;
  if (!entry) return undefined;
  const [w0, wa, wm, groupWidth, depth] = entry;
  const stages = regnetStages({ w0, wa, wm, groupWidth, depth });
  return structuredClone({ ...REGNETY_DEFAULTS, classes: 1000, groupWidth, stages });
}

/**
 * A configuration with the defaults of every published RegNetY: image size 224, stem of 32, squeeze ratio 0.25. `subject`
 * names the source of `sizes` in errors. Throws `model/config` where stages, groupWidth or classes is missing.
 */
export function completeRegnety(sizes: Partial<RegnetyConfig>, subject: string): RegnetyConfig {
  const required = {
    stages: "hidden_sizes with depths, or w0 with wa, wm, group_w and depth,",
    groupWidth: "groups_width",
    classes: "num_labels",
  } as const;
  for (const [size, field] of Object.entries(required)) {
    if (sizes[size as keyof typeof required] !== undefined) continue;
    throw new VitrineError("model/config", `${subject}: ${field} is missing`, {
      details: { file: subject, field },
    });
  }
  return { ...structuredClone(REGNETY_DEFAULTS), ...sizes } as RegnetyConfig;
}

/** A model of more blocks is refused before a list of its tensors is made; regnety_016 has 27. */
const MAX_BLOCKS = 1000;

/** Of an image or a layer. */
const LARGEST_SIZE = 2 ** 20;

/** Between the widths of consecutive stages, wm; published models have 2.09 to 2.66, and with 1 no stage would end. */
const LEAST_FACTOR = 1.001;

/** Published models have 1e-5. */
const EPSILONS = { least: 1e-15, most: 1 } as const;

/**
 * Throws `model/config` where a size is not a whole number above 0, larger than any model's, or the groups do not
 * divide a width. `subject` names the configuration's source in errors.
 */
export function checkRegnety(config: RegnetyConfig, subject = "model configuration"): void {
  const check = (isAllowed: boolean, field: string, got: unknown, allowed: string): void => {
    if (isAllowed) return;
    const text = `${subject}: ${field} is ${got}; allowed: ${allowed}`;
    throw new VitrineError("model/config", text, { details: { file: subject, field } });
  };
  const checkSize = (field: string, size: number, most = LARGEST_SIZE): void => {
    const isAllowed = Number.isSafeInteger(size) && size >= 1 && size <= most;
    check(isAllowed, field, size, `a whole number from 1 to ${most}`);
  };
  const { stages, seRatio, batchNormEpsilon: epsilon } = config;
  checkSize("image_size", config.imageSize);
  checkSize("num_labels", config.classes);
  checkSize("embedding_size", config.stemWidth);
  checkSize("groups_width", config.groupWidth);
  const isCount = stages.length >= 1 && stages.length <= MAX_BLOCKS;
  check(isCount, "the number of stages", stages.length, `from 1 to ${MAX_BLOCKS}`);
  check(seRatio > 0 && seRatio <= 1, "se_ratio", seRatio, "above 0 and at most 1");
  check(
    epsilon >= EPSILONS.least && epsilon <= EPSILONS.most,
    "batchNormEpsilon",
    epsilon,
    `a number from ${EPSILONS.least} to ${EPSILONS.most}`,
  );
  stages.forEach(({ width, depth }, stage) => {
    checkSize(`hidden_sizes[${stage}]`, width);
    checkSize(`depths[${stage}]`, depth, MAX_BLOCKS);
    const group = groupWidthOf(config, width);
    const fits = width % group === 0;
    check(fits, `hidden_sizes[${stage}]`, width, `a multiple of the group width ${group}`);
    const inputs = stage === 0 ? config.stemWidth : stages[stage - 1].width;
    const least = 0.5 / inputs;
    check(squeezeWidth(config, inputs) >= 1, "se_ratio", seRatio, `above ${least} for ${inputs} channels`);
  });
  const blocks = stages.reduce((sum, { depth }) => sum + depth, 0);
  check(blocks <= MAX_BLOCKS, "the number of blocks", blocks, `at most ${MAX_BLOCKS}`);
}

/** Fields with one value in timm's RegNetY. */
const FIXED: Fields = { layer_type: "y", bottle_ratio: 1, hidden_act: "relu", num_channels: 3 };

/** Stage by stage, as Hugging Face has it, or by the paper's four numbers. */
function readStages(fields: Fields, subject: string): RegnetyStage[] | undefined {
  const widths = wholeNumbers(fields, "hidden_sizes", subject);
  const depths = wholeNumbers(fields, "depths", subject);
  if (widths && depths) {
    if (widths.length !== depths.length)
      throw refuse(subject, "depths", depths, `${widths.length} numbers, as in hidden_sizes`);
    return widths.map((width, stage) => ({ width, depth: depths[stage] }));
  }
  if (widths || depths)
    throw refuse(subject, widths ? "depths" : "hidden_sizes", undefined, "a list as long as the other one");
  return readDesign(fields, subject);
}

/** The paper's four numbers, within what timm's generate_regnet accepts and a model can have. */
function readDesign(fields: Fields, subject: string): RegnetyStage[] | undefined {
  const [w0, wa, wm] = ["w0", "wa", "wm"].map((field) => positiveNumber(fields, field, subject));
  const groupWidth = readGroupWidth(fields, subject);
  const depth = wholeNumber(fields, "depth", subject);
  if (depth !== undefined && depth > MAX_BLOCKS)
    throw refuse(subject, "depth", depth, `at most ${MAX_BLOCKS}`);
  if (w0 !== undefined && (w0 % 8 !== 0 || w0 > LARGEST_SIZE))
    throw refuse(subject, "w0", w0, `a multiple of 8, at most ${LARGEST_SIZE}`);
  if (wa !== undefined && wa > LARGEST_SIZE) throw refuse(subject, "wa", wa, `at most ${LARGEST_SIZE}`);
  if (wm !== undefined && !(wm >= LEAST_FACTOR && wm <= LARGEST_SIZE))
    throw refuse(subject, "wm", wm, `a number from ${LEAST_FACTOR} to ${LARGEST_SIZE}`);
  if (!w0 || !wa || !wm || !groupWidth || !depth) return undefined;
  return regnetStages({ w0, wa, wm, groupWidth, depth });
}

function readGroupWidth(fields: Fields, subject: string): number | undefined {
  const field = fields.group_w === undefined ? "groups_width" : "group_w";
  const width = wholeNumber(fields, field, subject);
  if (width !== undefined && width > LARGEST_SIZE)
    throw refuse(subject, field, width, `a whole number from 1 to ${LARGEST_SIZE}`);
  return width;
}

/** The fields of a config.json that are a RegNetY's own. Throws `model/config`. */
export function readRegnetyFields(fields: Fields, subject: string): Partial<RegnetyConfig> {
  checkFixed(fields, { ...FIXED, global_pool: "avg", downsample_in_first_stage: true }, subject);
  return defined<RegnetyConfig>({
    stemWidth: wholeNumber(fields, "stem_width", subject) ?? wholeNumber(fields, "embedding_size", subject),
    groupWidth: readGroupWidth(fields, subject),
    stages: readStages(fields, subject),
    seRatio: positiveNumber(fields, "se_ratio", subject),
  });
}

/** Under Hugging Face's names where it has one. */
export function regnetyFields(config: RegnetyConfig): Fields {
  return {
    model_type: "regnety",
    ...FIXED,
    embedding_size: config.stemWidth,
    hidden_sizes: config.stages.map(({ width }) => width),
    depths: config.stages.map(({ depth }) => depth),
    groups_width: config.groupWidth,
    se_ratio: config.seRatio,
  };
}
