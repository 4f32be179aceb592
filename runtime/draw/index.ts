// Chance: every draw of training, each a pure function of its key.

export { type Augmentation, drawAugmentation, parseAugmentation } from "./augmentation.js";
export { drawAutoAugment, type PolicyName } from "./auto-augment.js";
export { drawBeta, drawLogGamma } from "./beta.js";
export { drawColorJitter } from "./color-jitter.js";
export { type Chance, drawStream } from "./counter.js";
export { Domain } from "./domain.js";
export type * from "./draw.js";
export { drawBranchScales, dropPathRates } from "./drop-path.js";
export { createDrawMath, type DrawMath } from "./math.js";
export { correctedLambda, cutmixBox, drawBatch } from "./mix.js";
export * from "./order.js";
export * from "./rand-augment.js";
export { drawErasing } from "./random-erasing.js";
export { drawCrop, type ImageSize } from "./random-resized-crop.js";
export * from "./recipe.js";
export { drawSample } from "./sample.js";
export { mixTargets, type TargetOptions } from "./targets.js";
export { drawThreeAugment } from "./three-augment.js";
