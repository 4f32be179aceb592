// Attention blocks: how many keys (or queries, backward) pass through workgroup memory at a time, in other numbers than chosen.

import type { Dispatch } from "../../runtime/executors/webgpu/dispatch.js";
import type { Work } from "./works.js";

/** Two blocks of 64 keys of heads 64 wide take 32 KiB in float32, which a device may refuse, and 16 in float16. */
const BLOCKS: readonly number[] = [8, 16, 32, 64];

/** An attention's dispatch in every other block; nothing for all other work. */
export function attentionBlocks({ dispatch }: Pick<Work, "dispatch">): {
  tile: string;
  chosen: boolean;
  dispatch: Dispatch;
}[] {
  const { constants = {} } = dispatch;
  const { KEYS } = constants;
  if (KEYS === undefined) return [];
  return BLOCKS.filter((keys) => keys !== KEYS).map((keys) => ({
    ...{ tile: `${keys} for ${KEYS}`, chosen: false },
    dispatch: { ...dispatch, constants: { ...constants, KEYS: keys } },
  }));
}
