// Request parameters: what a caller may set besides tensors. One that is not understood is refused by its name: an answer
// that ignores a parameter may be wrong for its caller.

import { quote, quoteJson, VitrineError } from "../../../runtime/errors.js";
import type { RequestLife } from "../../request-life.js";
import { DEFAULT_PRIORITY, LOWEST_PRIORITY } from "../contract.js";

export type ParameterValue = boolean | number | bigint | string;
export type Parameters = ReadonlyMap<string, ParameterValue>;

/** What the parameters of a request say. */
export interface RequestSettings {
  priority: number;
  life: RequestLife;
  /** Classes per image of `labels` and its companions; undefined: the default. */
  topK: number | undefined;
}

/** Beginnings of the names of parameters that ask for something which is not served, and what that is. */
const UNSUPPORTED: readonly [start: string, reason: string][] = [
  ["shared_memory_", "tensors in shared memory are not supported; send their contents in the message"],
  ["sequence_", "sequences of requests are not supported; every request is computed on its own"],
];

/** Sent by Triton's clients of streams; every response is its request's last, and a stream's says so. */
const WITHOUT_EFFECT = ["triton_enable_empty_final_response"];

/** Throws `protocol/parameter`, or `protocol/unimplemented` for one that other servers have. `where`: "the request". */
export function refuseParameters(parameters: Parameters, allowed: readonly string[], where: string): void {
  for (const name of parameters.keys()) {
    if (allowed.includes(name) || WITHOUT_EFFECT.includes(name)) continue;
    const unsupported = UNSUPPORTED.find(([start]) => name.startsWith(start));
    if (unsupported)
      throw new VitrineError(
        "protocol/unimplemented",
        `parameter "${quote(name)}" of ${where}: ${unsupported[1]}`,
      );
    const known = allowed.length > 0 ? allowed.join(", ") : "none";
    const text = `unknown parameter "${quote(name)}" of ${where}; allowed: ${known}`;
    throw new VitrineError("protocol/parameter", text);
  }
}

/** A whole number, or undefined where it is not set. Throws `protocol/parameter`. */
export function wholeParameter(
  parameters: Parameters,
  name: string,
  { min, max }: { min: number; max?: number },
): number | undefined {
  const value = parameters.get(name);
  if (value === undefined) return undefined;
  const number = typeof value === "bigint" ? Number(value) : value;
  const isWhole = typeof number === "number" && Number.isSafeInteger(number);
  if (isWhole && number >= min && (max === undefined || number <= max)) return number;
  const got = typeof value === "bigint" ? value.toString() : quoteJson(value);
  const allowed = max === undefined ? `whole numbers from ${min}` : `whole numbers from ${min} to ${max}`;
  throw new VitrineError("protocol/parameter", `parameter "${name}" is ${got}; allowed: ${allowed}`);
}

const REQUEST_PARAMETERS = ["timeout", "priority", "top_k"];

/**
 * - `timeout`: microseconds until the answer is no longer wanted; 0 or absent: the call's own deadline.
 * - `priority`: 1 (first) to 10; 0 or absent: 5.
 * - `top_k`: classes per image of `labels`, `label_indices` and `label_probabilities`.
 */
export function readRequestParameters(parameters: Parameters, life: RequestLife): RequestSettings {
  refuseParameters(parameters, REQUEST_PARAMETERS, "the request");
  const timeoutUs = wholeParameter(parameters, "timeout", { min: 0 }) ?? 0;
  const priority = wholeParameter(parameters, "priority", { min: 0, max: LOWEST_PRIORITY }) ?? 0;
  const deadline = timeoutUs > 0 ? Date.now() + timeoutUs / 1000 : Number.POSITIVE_INFINITY;
  return {
    priority: priority === 0 ? DEFAULT_PRIORITY : priority,
    life: { ...life, deadline: Math.min(life.deadline, deadline) },
    topK: wholeParameter(parameters, "top_k", { min: 1 }),
  };
}
