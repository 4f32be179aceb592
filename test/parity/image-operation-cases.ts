// Image operation cases: RandAugment's operations, alone and chained, equal Pillow's byte for byte.

import { augment } from "../../runtime/image/augment.js";
import type { FilterName } from "../../runtime/image/input-transform.js";
import type { CaseGroup } from "./case.js";
import { compare } from "./compare.js";
import { imageModule, numbersOf, tensorOf } from "./image-module.js";

interface OperationCase {
  key: string;
  image: string;
  op: string;
  interpolation: FilterName | null;
  args: number[];
}

export const operationCases: CaseGroup = async function* (context) {
  const file = "randaugment_ops.safetensors";
  if (!context.has(file) || !context.has("randaugment_ops.json")) return;
  const module = await imageModule();
  const { cases } = context.json<{ cases: OperationCase[] }>("randaugment_ops.json");
  for (const { key, image, op: name, interpolation, args } of cases) {
    if (!context.has(image)) continue;
    const picture = context.png(image);
    const expected = numbersOf(tensorOf(context, file, key));
    const filter = interpolation ?? "bicubic";
    for (const scalar of [false, true]) {
      const { data } = augment(module, picture, [{ name, argument: args[0] ?? 0 }], { filter, scalar });
      yield compare(`randaugment_ops/${key}${scalar ? " (scalar)" : ""}`, data, expected, 0);
    }
  }
};

interface ChainCase {
  key: string;
  image: string;
  steps: { op: string; applied: boolean; args?: number[] }[];
}

export const operationChainCases: CaseGroup = async function* (context) {
  const file = "randaugment_chains.safetensors";
  if (!context.has(file) || !context.has("randaugment_chains.json")) return;
  const module = await imageModule();
  for (const { key, image, steps } of context.json<ChainCase[]>("randaugment_chains.json")) {
    if (!context.has(image)) continue;
    const operations = steps
      .filter(({ applied }) => applied)
      .map(({ op: name, args }) => ({ name, argument: args?.[0] ?? 0 }));
    const { data } = augment(module, context.png(image), operations);
    yield compare(`randaugment_chains/${key}`, data, numbersOf(tensorOf(context, file, key)), 0);
  }
};
