// Reference implementations of tokens.ts and patchify.ts: index arithmetic, one value at a time.

type Values = ArrayLike<number>;

/** pixel(b, channel, y, x) → patches [B, (S/P)², 3·P·P] */
export function referencePatchify(
  pixel: (b: number, channel: number, y: number, x: number) => number,
  batch: number,
  side: number,
  patch: number,
): number[] {
  const grid = side / patch;
  const patches: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let place = 0; place < grid * grid; place++) {
      const top = Math.floor(place / grid) * patch;
      const left = (place % grid) * patch;
      for (let i = 0; i < 3 * patch * patch; i++) {
        const channel = Math.floor(i / (patch * patch));
        const y = Math.floor(i / patch) % patch;
        patches.push(pixel(b, channel, top + y, left + (i % patch)));
      }
    }
  }
  return patches;
}

/** y [B,T,D] from patches [B,N,D], the special tokens [D] each, and positions [T,D], or [N,D] for the patches alone */
export function referenceAssemble(
  patches: Values,
  special: Values[],
  position: Values,
  batch: number,
  width: number,
): number[] {
  const count = patches.length / batch / width;
  const uncovered = count + special.length - position.length / width;
  const y: number[] = [];
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < count + special.length; t++) {
      for (let d = 0; d < width; d++) {
        const token = special[t];
        const value = token ? token[d] : patches[(b * count + t - special.length) * width + d];
        y.push((value as number) + (t < uncovered ? 0 : position[(t - uncovered) * width + d]));
      }
    }
  }
  return y;
}
