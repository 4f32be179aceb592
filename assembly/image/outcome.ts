// Outcome: the numbers that explain a status, kept until the next call.

import { Status } from "./status";

let offset: u32 = 0;
let found: f64 = 0;
let allowed: f64 = 0;

/** Records why a call fails and hands the status on: `return fail(Status.Truncated, at, rows, height)`. */
export function fail(status: Status, at: usize, foundValue: f64 = 0, allowedValue: f64 = 0): Status {
  offset = <u32>at;
  found = foundValue;
  allowed = allowedValue;
  return status;
}

/** Byte of the file where it was noticed. */
export function statusOffset(): u32 {
  return offset;
}

export function statusFound(): f64 {
  return found;
}

export function statusAllowed(): f64 {
  return allowed;
}
