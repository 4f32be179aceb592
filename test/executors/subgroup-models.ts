// Subgroup models: a kernel's subgroup operations written out over workgroup memory, for subgroups that this device
// lacks.

import * as assert from "uvu/assert";

/** Partitions of lanes into subgroups: a WGSL expression of the lane (0 … 63), equal for the lanes of one subgroup. */
export const SUBGROUPS: Readonly<Record<string, string>> = {
  "4 neighbors": "lane / 4u",
  "8 neighbors": "lane / 8u",
  "16 neighbors": "lane / 16u",
  "32 neighbors": "lane / 32u",
  "all 64": "0u",
  "half of 128 places": "lane / 128u",
  "32, every second": "lane % 2u",
  "16 of a square": "lane / 4u % 2u + lane / 32u * 2u",
  "59, 1 and 4, unlike each other": "select(select(0u, 1u, lane == 7u), 2u, lane >= 60u)",
};

/**
 * Text for the model: subgroup operations of uniform control flow, each invocation reading the values of its subgroup.
 */
function definitions(subgroup: string): string {
  return `
var<workgroup> modelValues: array<f32, 64>;
fn modelSubgroup(lane: u32) -> u32 { return ${subgroup}; }
fn modelCount(lane: u32, below: u32) -> u32 {
  var count = 0u;
  for (var i = 0u; i < below; i++) { count += select(0u, 1u, modelSubgroup(i) == modelSubgroup(lane)); }
  return count;
}
fn modelShare(value: f32, lane: u32) {
  workgroupBarrier();
  modelValues[lane] = value;
  workgroupBarrier();
}
fn modelAdd(value: f32, lane: u32) -> f32 {
  modelShare(value, lane);
  var sum = 0.0;
  for (var i = 0u; i < 64u; i++) { if (modelSubgroup(i) == modelSubgroup(lane)) { sum += modelValues[i]; } }
  return sum;
}
fn modelMax(value: f32, lane: u32) -> f32 {
  modelShare(value, lane);
  var largest = value;
  for (var i = 0u; i < 64u; i++) { if (modelSubgroup(i) == modelSubgroup(lane)) { largest = max(largest, modelValues[i]); } }
  return largest;
}
`;
}

/**
 * The kernel with every subgroup operation replaced; text without any is returned unchanged. Its lane must be named
 * `lane`.
 */
export function withSubgroups(subgroup: string, text: string): string {
  if (!/\bsubgroup[A-Z]/.test(text)) return text;
  const modeled = text
    .replace("enable subgroups;\n", "")
    .replaceAll("subgroupExclusiveAdd(1u)", "modelCount(lane, lane)")
    .replaceAll("subgroupAdd(1u)", "modelCount(lane, 64u)")
    .replace(/subgroup(Add|Max)\((\w+)\)/g, "model$1($2, lane)");
  assert.not.match(modeled, /\bsubgroup[A-Z]/, "a subgroup operation that has no model");
  return modeled + definitions(subgroup);
}
