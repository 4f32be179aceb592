// Optimizer settings: the places of a step's settings [12], as runtime/training/optimizer-settings.ts orders them;
// and the bits of the exponent that only infinities and what is no number have all of.

const LEARNING_RATE = 0u;
const WEIGHT_DECAY = 1u;
const BETA1 = 2u;
const BETA2 = 3u;
const EPSILON = 4u;
const BIAS_CORRECTION1 = 5u;
const BIAS_CORRECTION2 = 6u;
const GRADIENT_SCALE = 7u;
const CLIP_NORM = 8u;
const EMA_DECAY = 9u;
const STEP = 10u;
const SETTINGS = 12u;
const EXPONENT_BITS = 0x7f800000u;
