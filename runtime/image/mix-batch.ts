// Mix batch: Mixup and CutMix over a batch of pixels, in place, by the batch's draw.

import { MIX_FIELDS, MixKind, Region } from "../../assembly/image/contract.js";
import type { BatchDraw, MixDraw } from "../draw/draw.js";
import { VitrineError } from "../errors.js";
import type { ImageModule } from "./image-module.js";
import { LARGEST_INPUT } from "./resize.js";

const KINDS: Record<MixDraw["kind"], MixKind> = {
  none: MixKind.None,
  mixup: MixKind.Mixup,
  cutmix: MixKind.Cutmix,
};
/** Bytes of pixels copied into the module at once; a larger batch takes several calls. */
const CALL_BYTES = 64 << 20;

/** For tests. */
export interface MixOptions {
  /** Runs the scalar reference of the vector code; the result is the same. Default false. */
  scalar?: boolean;
}

function requireDraw(draw: BatchDraw, count: number, size: number): void {
  if (draw.samples.length !== count)
    throw new VitrineError(
      "image/bad-argument",
      `the batch draw is for ${draw.samples.length} samples, the batch has ${count}`,
    );
  for (const { kind, lambda, box } of draw.samples) {
    const inside =
      box !== null &&
      box.top >= 0 &&
      box.left >= 0 &&
      box.top + box.height <= size &&
      box.left + box.width <= size;
    if (kind === "cutmix" && !inside)
      throw new VitrineError(
        "image/bad-argument",
        `CutMix box ${JSON.stringify(box)} is not inside ${size}×${size} pixels`,
      );
    if (!(lambda >= 0 && lambda <= 1))
      throw new VitrineError("image/bad-argument", `λ is ${lambda}, allowed are 0 to 1`);
  }
}

/**
 * Mixes pixels uint8 [count, size, size, 3] in place: sample b with sample count − 1 − b, both read unmixed. `draw`
 * comes from `drawBatch`. A Mixup value is ⌊λ·a + (1 − λ)·b + ½⌋ in double, within ½/255 of timm's float result;
 * CutMix copies the box from the partner.
 *
 * Throws `image/bad-argument` for a draw of another size or a buffer that is too small, `image/out-of-memory`.
 */
export function mixBatch(
  module: ImageModule,
  pixels: Uint8Array,
  count: number,
  size: number,
  draw: BatchDraw,
  { scalar = false }: MixOptions = {},
): void {
  if (!(Number.isInteger(size) && size > 0 && size <= LARGEST_INPUT))
    throw new VitrineError(
      "image/bad-argument",
      `image size ${size} is not a whole number from 1 to ${LARGEST_INPUT}`,
    );
  requireDraw(draw, count, size);
  const bytes = size * size * 3;
  if (pixels.length < count * bytes)
    throw new VitrineError(
      "image/bad-argument",
      `${count} images of ${size}×${size} need ${count * bytes} bytes, got ${pixels.length}`,
    );
  if (draw.samples.every((mix) => mix.kind === "none")) return;
  // Pairs are symmetric about the middle, so the samples of a call and their partners form two segments.
  const pairs = count >> 1;
  const pairsPerCall = Math.max(1, Math.floor(CALL_BYTES / (2 * bytes)));
  for (let start = 0; start < pairs; start += pairsPerCall) {
    const length = Math.min(pairsPerCall, pairs - start);
    const front = pixels.subarray(start * bytes, (start + length) * bytes);
    const back = pixels.subarray((count - start - length) * bytes, (count - start) * bytes);
    const mixes = [
      ...draw.samples.slice(start, start + length),
      ...draw.samples.slice(count - start - length, count - start),
    ];
    mixSegments(module, front, back, mixes, size, scalar);
  }
}

function mixSegments(
  module: ImageModule,
  front: Uint8Array,
  back: Uint8Array,
  mixes: readonly MixDraw[],
  size: number,
  scalar: boolean,
): void {
  module.run(undefined, (call) => {
    call.reserve(Region.Parameters, mixes.length * MIX_FIELDS * 8);
    call.reserve(Region.Batch, front.length + back.length);
    const bytes = call.view(Region.Parameters, mixes.length * MIX_FIELDS * 8);
    const records = new Float64Array(bytes.buffer, bytes.byteOffset, mixes.length * MIX_FIELDS);
    mixes.forEach(({ kind, lambda, box }, b) => {
      const record = [KINDS[kind], lambda, box?.top ?? 0, box?.left ?? 0, box?.height ?? 0, box?.width ?? 0];
      records.set(record, b * MIX_FIELDS);
    });
    const batch = call.view(Region.Batch, front.length + back.length);
    batch.set(front);
    batch.set(back, front.length);
    call.check(call.exports.mixPixels(mixes.length, size, scalar ? 1 : 0));
    const mixed = call.view(Region.Batch, front.length + back.length);
    front.set(mixed.subarray(0, front.length));
    back.set(mixed.subarray(front.length));
  });
}
