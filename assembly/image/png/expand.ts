// Expand: a zlib stream by itself, for the formats that the host decodes.

import { regionStart, reserve } from "../call";
import { Region } from "../contract";
import { inflate } from "./inflate";

let target: usize = 0;

function takeBytes(from: usize, bytes: usize): bool {
  memory.copy(target, from, bytes);
  target += bytes;
  return true;
}

/**
 * Expands the zlib stream of `length` bytes in Region.Input to at most `needed` bytes in Region.Output. Returns how many
 * there are before the stream ends or is damaged; −1 where they do not fit into memory.
 */
export function expandZlib(length: usize, needed: usize): i32 {
  const start = regionStart(Region.Input);
  const output = reserve(Region.Output, needed);
  if (output === 0) return -1;
  target = output;
  inflate(start, start + length, needed, takeBytes);
  return <i32>(target - output);
}
