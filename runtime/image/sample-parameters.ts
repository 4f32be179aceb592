// Sample parameters: a sample's draw as the image module reads it, in f64 numbers.

import { EraseKind } from "../../assembly/image/augment/erase-kind.js";
import { OPERATION_FIELDS } from "../../assembly/image/augment/operation.js";
import { ERASE_FIELDS, SampleField } from "../../assembly/image/augment/sample-record.js";
import { Region } from "../../assembly/image/regions.js";
import type { Filter } from "../../assembly/image/resize/filter.js";
import { Domain, streamAddress } from "../draw/domain.js";
import type { SampleDraw } from "../draw/draw.js";
import type { EraseMode } from "../draw/recipe.js";
import type { ImageCall } from "./image-module.js";

const KINDS: Record<EraseMode, EraseKind> = {
  pixel: EraseKind.Pixel,
  random: EraseKind.Random,
  const: EraseKind.Const,
};

/** Writes the draw and the records of its operations to Region.Parameters, which it reserves. */
export function writeSampleParameters(
  call: ImageCall,
  draw: SampleDraw,
  { size, filter, operations }: { size: number; filter: Filter; operations: readonly number[][] },
): void {
  const firstOperation = SampleField.Erasing + draw.erase.length * ERASE_FIELDS;
  const numbers = firstOperation + operations.length * OPERATION_FIELDS;
  call.reserve(Region.Parameters, numbers * 8);
  const bytes = call.view(Region.Parameters, numbers * 8);
  const record = new Float64Array(bytes.buffer, bytes.byteOffset, numbers);
  record[SampleField.CropTop] = draw.crop.top;
  record[SampleField.CropLeft] = draw.crop.left;
  record[SampleField.CropHeight] = draw.crop.height;
  record[SampleField.CropWidth] = draw.crop.width;
  record[SampleField.Flip] = draw.flip ? 1 : 0;
  record[SampleField.Size] = size;
  record[SampleField.Filter] = filter;
  const address = streamAddress(draw.key, Domain.Erase);
  record[SampleField.SeedLow] = address.seedLow;
  record[SampleField.SeedHigh] = address.seedHigh;
  record[SampleField.Index] = address.index;
  record[SampleField.Epoch] = address.epoch;
  record[SampleField.Tag] = address.tag;
  record[SampleField.EraseCount] = draw.erase.length;
  record[SampleField.OperationCount] = operations.length;
  operations.forEach((operation, i) => {
    record.set(operation, firstOperation + i * OPERATION_FIELDS);
  });
  draw.erase.forEach(({ mode, top, left, height, width }, i) => {
    record.set([KINDS[mode], top, left, height, width], SampleField.Erasing + i * ERASE_FIELDS);
  });
}
