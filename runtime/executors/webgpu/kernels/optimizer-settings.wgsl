// Optimizer settings: the places of a step's settings [12], which the build writes from ADAMW_SETTINGS of
// runtime/graph/operations/optimizer.ts; and the exponent's bits, all set only in infinities and NaN.

// #include "adamw-settings.wgsl"
const EXPONENT_BITS = 0x7f800000u;
