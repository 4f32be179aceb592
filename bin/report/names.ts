// Names: how paths and classes from outside appear on a page that may be handed on.

import { basename, isAbsolute, relative } from "node:path";
import { isRemote, withoutSecrets } from "../../runtime/batches/data-path.js";

/** A path without the folders of this machine: relative to the current folder, or its last part alone. A URL without secrets. */
export function shownPath(path: string): string {
  if (isRemote(path)) return withoutSecrets(path);
  if (!isAbsolute(path)) return path;
  const inside = relative(process.cwd(), path);
  return inside === "" || inside.startsWith("..") || isAbsolute(inside) ? basename(path) : inside;
}

/** A class's name, or its index where it has none. */
export function className(names: readonly string[], index: number): string {
  return names[index] || `class ${index}`;
}

export const percent = (value: number, digits = 1): string => `${value.toFixed(digits)}%`;

/** `12 s`, `4 min`, `3.2 h`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Four significant digits, and no more. */
export function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
