// Configuration file: `-c recipe.yaml`, the flags of a command without their dashes, which flags on the command line
// override.

import { type Command, CommanderError, type Option } from "commander";
import { quote, quoteJson } from "../runtime/errors.js";
import { readYamlMapping, refusedSettings as refused } from "../server/yaml-file.js";

const EXPECTED = "a mapping of flag names, without dashes, to values";

/** The number of single edits between two short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

/** The one of `known` that `key` may be a misspelling of. */
export function nearestName(key: string, known: Iterable<string>): string | undefined {
  let best: { name: string; edits: number } | undefined;
  if (key.length > 40) return undefined;
  for (const name of known) {
    const edits = distance(key, name);
    if (edits <= Math.max(1, Math.floor(name.length / 3)) && edits < (best?.edits ?? Infinity))
      best = { name, edits };
  }
  return best?.name;
}

const flagOf = (key: string): string => `--${key.replaceAll("_", "-")}`;

/** A value as the text that the flag would have on the command line. */
function asText(path: string, key: string, value: unknown): string {
  if (typeof value === "number" || typeof value === "string") return String(value);
  if (Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === "number"))
    return value.join(",");
  const got = quoteJson(value);
  throw refused(path, `"${quote(key)}" got ${got}; allowed: a number, a text, or a list of numbers`);
}

/** The flag of a switch: `ema: false` is --no-ema; what is off unless turned on needs no flag to be off. */
function switchFlag(
  path: string,
  key: string,
  value: unknown,
  options: ReadonlyMap<string, Option>,
): string | undefined {
  if (typeof value !== "boolean") {
    const got = quoteJson(value);
    throw refused(path, `"${quote(key)}" got ${got}; allowed: true or false`);
  }
  const flag = flagOf(key);
  if (value) return flag;
  const opposite = flag.startsWith("--no-") ? `--${flag.slice(5)}` : `--no-${flag.slice(2)}`;
  return options.has(opposite) ? opposite : undefined;
}

/** One key of a file: the flag that it stands for, with the value parsed as on the command line. */
export interface ConfigEntry {
  flag: string;
  value: unknown;
}

/**
 * Reads a file of keys for `command`'s options, except those in `excluded`. Throws `usage/config` for what is no YAML
 * mapping and for unknown keys, naming the nearest; values are checked as on the command line.
 */
export function readConfigFile(path: string, command: Command, excluded: readonly string[]): ConfigEntry[] {
  const options = new Map(
    command.options.flatMap((option) =>
      option.long && !excluded.includes(option.long) ? [[option.long, option] as const] : [],
    ),
  );
  const content = readYamlMapping(path, " (-c, --config)", EXPECTED);
  return Object.entries(content)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => readEntry(path, key, value, options))
    .filter((entry) => entry !== undefined);
}

function readEntry(
  path: string,
  key: string,
  value: unknown,
  options: ReadonlyMap<string, Option>,
): ConfigEntry | undefined {
  const option = options.get(flagOf(key));
  if (!option) {
    const near = nearestName(
      key,
      Array.from(options.keys(), (flag) => flag.slice(2)),
    );
    const hint = near === undefined ? "keys are flag names without dashes" : `did you mean "${near}"?`;
    throw refused(path, `unknown key "${quote(key)}": ${hint}`);
  }
  if (option.isBoolean() || option.negate) {
    const flag = switchFlag(path, key, value, options);
    return flag === undefined ? undefined : { flag, value: true };
  }
  // An option that may be repeated takes a list.
  const isList = Array.isArray(option.defaultValue) && Array.isArray(value);
  const texts = isList ? value.map((part) => asText(path, key, part)) : [asText(path, key, value)];
  const text = texts.join(", ");
  try {
    const parse = option.parseArg ?? ((part: string) => part);
    const parsed = texts.reduce<unknown>((before, part) => parse(part, before as never), undefined);
    return { flag: option.long as string, value: parsed };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw refused(path, `"${quote(key)}" got "${quote(text)}"; ${error.message.toLowerCase()}`);
  }
}
