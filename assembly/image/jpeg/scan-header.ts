// Scan header: which components a scan holds and which tables they use.

import { fail } from "../outcome";
import { Status } from "../status";
import { defineMissingTables, huffmanTable } from "./huffman";
import { offsetOf, scanHeaderStart } from "./markers";
import { Component, component, MAX_COMPONENTS, picture } from "./picture";
import { latchQuantization } from "./quantization";

/** Blocks that a minimum coded unit may hold, and components that a scan may hold. */
export const MAX_UNIT_BLOCKS: u32 = 10;

let count: u32 = 0;
/** Component indices in the scan's order, u8 [4]. */
const indices: usize = memory.data(4, 4);

export function scanComponentCount(): u32 {
  return count;
}

export function scanComponentIndex(position: u32): u32 {
  return <u32>load<u8>(indices + <usize>position);
}

/** Reads the body of the SOS segment that the markers stopped at, and finds its tables. */
export function readScanHeader(): Status {
  const body = scanHeaderStart();
  const offset = offsetOf(body);
  count = <u32>load<u8>(body);
  if (count === 0 || count > MAX_COMPONENTS) return fail(Status.CorruptSegment, offset, 0xda);
  defineMissingTables();
  let blocks: u32 = 0;
  let used: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const entry = body + 1 + 2 * <usize>i;
    const index = findComponent(<u32>load<u8>(entry), used);
    if (index === MAX_COMPONENTS) return fail(Status.CorruptSegment, offset, 0xda);
    used |= 1 << index;
    store<u8>(indices + <usize>i, <u8>index);
    const c = component(index);
    blocks += c.h * c.v;
    const status = findTables(c, index, <u32>load<u8>(entry, 1), offset);
    if (status !== Status.Ok) return status;
  }
  if (count > 1 && blocks > MAX_UNIT_BLOCKS) return fail(Status.CorruptSegment, offset, 0xda);
  return Status.Ok;
}

/** Index of the first component of that name which the scan has not named yet; MAX_COMPONENTS where there is none. */
function findComponent(id: u32, used: u32): u32 {
  for (let i: u32 = 0; i < picture.componentCount; i++)
    if (component(i).id === id && (used & (1 << i)) === 0) return i;
  return MAX_COMPONENTS;
}

/** `selectors` = DC table << 4 | AC table. A component keeps the quantisation table of its first scan. */
function findTables(c: Component, index: u32, selectors: u32, offset: usize): Status {
  if (c.multipliers === 0) {
    c.multipliers = latchQuantization(c.quantization, index);
    if (c.multipliers === 0) return fail(Status.MissingTable, offset, c.quantization);
  }
  c.dcTable = huffmanTable(0, selectors >> 4);
  c.acTable = huffmanTable(1, selectors & 15);
  if (c.dcTable === 0) return fail(Status.MissingTable, offset, selectors >> 4);
  if (c.acTable === 0) return fail(Status.MissingTable, offset, selectors & 15);
  if (c.dcTable === 1 || c.acTable === 1) return fail(Status.CorruptSegment, offset, 0xc4);
  return Status.Ok;
}
