// The image module that the image cases share; its results never depend on what ran before.

import { nodeHost } from "../../runtime/host/node.js";
import { createImageModule, type ImageModule } from "../../runtime/image/image-module.js";
import type { FixtureTensor, ParityContext } from "./case.js";

let shared: Promise<ImageModule> | undefined;

export function imageModule(): Promise<ImageModule> {
  shared ??= createImageModule(nodeHost());
  return shared;
}

/** A tensor of a file that must exist. */
export function tensorOf(context: ParityContext, file: string, key: string): FixtureTensor {
  const tensor = context.tensors(file).get(key);
  if (tensor === undefined) throw new Error(`${file} has no tensor "${key}"`);
  return tensor;
}

/** A tensor's numbers as plain doubles: labels are stored as 64-bit integers. */
export function numbersOf(tensor: FixtureTensor): Float64Array {
  return Float64Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}
