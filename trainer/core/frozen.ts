// Frozen parameters: which ones --freeze and --attn-only leave as they are.

import { quote, VitrineError } from "../../runtime/errors.js";
import type { TrainerSettings } from "./settings.js";

/** What comes before a transformer's blocks: patch embedding, tokens and positions. */
const STEM = /^(patch_embed\.|pos_embed$|cls_token$|dist_token$|reg_token$)/;

/** What main.py --attn-only trains: attention, positions, and the heads. */
const ATTENTION_ONLY = /\.attn\.|^pos_embed$|^head(_dist)?\./;

/** The name for everything but the heads. */
export const BACKBONE = "backbone";
const HEADS = /^head(_dist)?\./;

function refuse(text: string): VitrineError {
  return new VitrineError("usage/training", text);
}

/** Block of `blocks.3.norm1.weight`; undefined outside of blocks. */
function blockOf(name: string): number | undefined {
  const match = /^blocks\.(\d+)\./.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** `N`: everything before block N. */
function inFirstBlocks(count: number, names: readonly string[]): (name: string) => boolean {
  const blocks = 1 + names.reduce((most, name) => Math.max(most, blockOf(name) ?? -1), -1);
  if (blocks === 0)
    throw refuse(
      `--freeze ${count}: this model has no numbered blocks; give patterns of tensor names, such as "stem.*"`,
    );
  if (count > blocks) throw refuse(`--freeze ${count}: the model has ${blocks} blocks`);
  return (name) => STEM.test(name) || (blockOf(name) ?? blocks) < count;
}

/** `blocks.0.*`: `*` is any text. */
function byPattern(pattern: string, names: readonly string[]): (name: string) => boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[^\w]/g, "\\$&"));
  const expression = new RegExp(`^${parts.join(".*")}$`);
  if (!names.some((name) => expression.test(name)))
    throw refuse(
      `--freeze "${quote(pattern)}" matches no tensor of the model; it has ${names.slice(0, 3).join(", ")}, …`,
    );
  return (name) => expression.test(name);
}

/**
 * The names among `names` that a run leaves as they are. `freeze`: a number of blocks, counted with the stem before
 * them, `backbone` for all but the heads, or patterns of names, separated by commas. Throws `usage/training` for a pattern that matches nothing, and where
 * nothing would be left to train.
 */
export function frozenNames(
  names: readonly string[],
  { freeze, attnOnly }: Pick<TrainerSettings, "freeze" | "attnOnly">,
): string[] {
  const entries = (freeze ?? "").split(",").map((entry) => entry.trim());
  const tests = entries
    .filter((entry) => entry !== "")
    .map((entry) => {
      if (entry === BACKBONE) return (name: string) => !HEADS.test(name);
      return /^\d+$/.test(entry) ? inFirstBlocks(Number(entry), names) : byPattern(entry, names);
    });
  if (attnOnly) tests.push((name) => !ATTENTION_ONLY.test(name));
  const frozen = names.filter((name) => tests.some((test) => test(name)));
  if (frozen.length === names.length && names.length > 0)
    throw refuse("--freeze leaves no parameter to train: freeze fewer blocks or patterns");
  return frozen;
}
