// Scan header: the components of a scan and the tables that they use.

import { fail } from "../call";
import { Status } from "../contract";
import {
  defineMissingTables,
  huffmanTable,
  LookupForm,
  TABLE_IMPOSSIBLE,
  TABLE_MISSING,
} from "./huffman-tables";
import { offsetOf, scanHeaderStart } from "./markers";
import { Component, component, MAX_COMPONENTS, picture } from "./picture";
import { latchQuantization } from "./quantization";

/** Blocks that a minimum coded unit may contain. */
export const MAX_UNIT_BLOCKS: u32 = 10;

/** What a scan does to a block. */
export enum ScanKind {
  Sequential = 0,
  DcFirst = 1,
  DcRefine = 2,
  AcFirst = 3,
  AcRefine = 4,
}

const MAX_BIT: u32 = 13;

let count: u32 = 0;
let kind: ScanKind = ScanKind.Sequential;
/** Spectral selection and successive approximation of a progressive scan. */
let first: u32 = 0;
let last: u32 = 63;
let bit: u32 = 0;
/** Component indices in the scan's order, u8 [4]. */
const indices: usize = memory.data(4, 4);

export function scanComponentCount(): u32 {
  return count;
}

export function scanComponentIndex(position: u32): u32 {
  return <u32>load<u8>(indices + <usize>position);
}

export function scanKind(): ScanKind {
  return kind;
}

export function scanFirst(): u32 {
  return first;
}

export function scanLast(): u32 {
  return last;
}

export function scanBit(): u32 {
  return bit;
}

/** Reads the body of the SOS segment that the markers stopped at, and finds its tables. */
export function readScanHeader(): Status {
  const body = scanHeaderStart();
  const offset = offsetOf(body);
  count = <u32>load<u8>(body);
  if (count === 0 || count > MAX_COMPONENTS) return fail(Status.CorruptSegment, offset, 0xda);
  if (!readProgression(body + 1 + 2 * <usize>count)) return fail(Status.CorruptSegment, offset, 0xda);
  if (kind === ScanKind.Sequential) defineMissingTables();
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

/** Reads Ss, Se, Ah and Al, which matter in progressive frames only; false if they contradict each other. */
function readProgression(at: usize): bool {
  kind = ScanKind.Sequential;
  if (picture.frame !== 0xc2) return true;
  first = <u32>load<u8>(at);
  last = <u32>load<u8>(at, 1);
  bit = <u32>load<u8>(at, 2) & 15;
  const before = <u32>load<u8>(at, 2) >> 4;
  if (before !== 0 && before !== bit + 1) return false;
  if (bit > MAX_BIT || last > 63 || first > last) return false;
  if (first === 0) {
    kind = before === 0 ? ScanKind.DcFirst : ScanKind.DcRefine;
    return last === 0;
  }
  kind = before === 0 ? ScanKind.AcFirst : ScanKind.AcRefine;
  return count === 1;
}

/** Index of the first component with that identifier which the scan has not named yet; MAX_COMPONENTS if none. */
function findComponent(id: u32, used: u32): u32 {
  for (let i: u32 = 0; i < picture.componentCount; i++)
    if (component(i).id === id && (used & (1 << i)) === 0) return i;
  return MAX_COMPONENTS;
}

/** `selectors` = DC table << 4 | AC table. A component keeps the quantization table of its first scan. */
function findTables(c: Component, index: u32, selectors: u32, offset: usize): Status {
  if (c.multipliers === 0) {
    c.multipliers = latchQuantization(c.quantization, index);
    if (c.multipliers === 0) return fail(Status.MissingTable, offset, c.quantization);
  }
  const form = kind === ScanKind.Sequential ? LookupForm.Pairs : LookupForm.Symbols;
  if (kind === ScanKind.Sequential || kind === ScanKind.DcFirst) {
    c.dcTable = huffmanTable(0, selectors >> 4, form);
    if (c.dcTable === TABLE_MISSING) return fail(Status.MissingTable, offset, selectors >> 4);
    if (c.dcTable === TABLE_IMPOSSIBLE) return fail(Status.CorruptSegment, offset, 0xc4);
  }
  if (kind === ScanKind.Sequential || kind === ScanKind.AcFirst || kind === ScanKind.AcRefine) {
    c.acTable = huffmanTable(1, selectors & 15, form);
    if (c.acTable === TABLE_MISSING) return fail(Status.MissingTable, offset, selectors & 15);
    if (c.acTable === TABLE_IMPOSSIBLE) return fail(Status.CorruptSegment, offset, 0xc4);
  }
  return Status.Ok;
}
