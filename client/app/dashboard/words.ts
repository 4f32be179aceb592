// Words: states, times and sizes as the page writes them.

import type { BestEpoch, RunEntry, RunPhase } from "../../../proto/dashboard.js";

export const PHASES: Readonly<Record<RunPhase, string>> = {
  preparing: "preparing",
  training: "training",
  validating: "validating",
  pausing: "pausing after this step",
  paused: "paused",
  stopping: "stopping after this step",
  elsewhere: "training in another process",
  stopped: "stopped",
  finished: "finished",
  failed: "failed",
  lost: "lost",
};

/** The process of a run in one of these is at work on it. */
const ACTIVE: readonly RunPhase[] = ["preparing", "training", "validating", "pausing", "paused", "stopping"];
export const isActive = (phase: RunPhase): boolean => ACTIVE.includes(phase);

/** While the server is silent, nobody knows whether what was in progress still is. */
export function shownPhase({ phase }: Pick<RunEntry, "phase">, isSilent: boolean): RunPhase {
  return isSilent && (isActive(phase) || phase === "elsewhere") ? "lost" : phase;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const count = (value: number): string => whole.format(value);

export const percent = (value: number, digits = 1): string => `${value.toFixed(digits)}%`;

/** `1:02:03`, `2:03`. */
export function clock(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** `312 MB`, `4.1 GB`. */
export function bytes(value: number): string {
  return value < 1e9 ? `${Math.round(value / 1e6)} MB` : `${(value / 1e9).toFixed(1)} GB`;
}

/** `71.7% in epoch 3`, without validation data `loss 0.312 in epoch 3`. */
export function bestText({ epoch, top1, loss }: BestEpoch): string {
  return `${top1 === null ? `loss ${loss.toFixed(3)}` : percent(top1)} in epoch ${epoch + 1}`;
}
