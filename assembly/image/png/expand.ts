// Expand: a zlib stream by itself, for the formats that the host decodes.

import { regionStart, reserve } from "../call";
import { Region } from "../contract";
import { Inflated, inflate } from "./inflate";

let target: usize = 0;

function takeBytes(from: usize, bytes: usize): bool {
  memory.copy(target, from, bytes);
  target += bytes;
  return true;
}

/**
 * Expands the zlib stream of `length` bytes in Region.Input to at most `needed` bytes in Region.Output. Returns how many
 * there are, as ~count (negative) where the stream is damaged; the smallest i32 where they do not fit into memory.
 */
export function expandZlib(length: usize, needed: usize): i32 {
  const start = regionStart(Region.Input);
  const output = reserve(Region.Output, needed);
  if (output === 0) return i32.MIN_VALUE;
  target = output;
  const result = inflate(start, start + length, needed, takeBytes);
  if (result === Inflated.OutOfMemory) return i32.MIN_VALUE;
  const count = <i32>(target - output);
  return result === Inflated.Corrupt ? ~count : count;
}
