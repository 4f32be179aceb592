// Configuration file: `-c recipe.yaml`, the flags of a command without their dashes, which flags on the command line
// override.

import { type Command, CommanderError, type Option } from "commander";
import { type Document, isMap, isScalar, parseDocument } from "yaml";
import { quote, quoteJson, VitrineError } from "../runtime/errors.js";
import { readWholeFileSync } from "../runtime/host/node-files.js";

/** A file of settings has a few kilobytes; the time of the parser grows faster than a file's size. */
const MAX_BYTES = 100_000;

function refused(path: string, what: string): VitrineError {
  return new VitrineError("usage/config", `${quote(path)}: ${what}`, { details: { path } });
}

function readText(path: string): string {
  try {
    return new TextDecoder().decode(readWholeFileSync(path, MAX_BYTES, " (-c, --config)"));
  } catch (cause) {
    throw new VitrineError("usage/config", (cause as Error).message, { cause, details: { path } });
  }
}

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

function nearest(key: string, known: Iterable<string>): string | undefined {
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

/** The parser compares each key with all before it, minutes for a file of keys alone: keys are compared here. */
function checkKeys(path: string, { contents }: Document.Parsed): void {
  if (!isMap(contents)) return;
  const seen = new Set<unknown>();
  for (const { key } of contents.items) {
    const name = isScalar(key) ? String(key.value) : key;
    if (seen.has(name)) throw refused(path, `"${quote(String(name))}" is there twice`);
    seen.add(name);
  }
}

/** The first line of the parser's text, which shows the place in those below it. */
function inWords(message: string): string {
  const line = message.split("\n")[0].replace(/:$/, "");
  return line.replace("Maximum call stack size exceeded", "lists or mappings are nested too deeply");
}

function parseYaml(path: string): unknown {
  // A "silent" parser leaves out a second document without an error.
  const options = { schema: "core", uniqueKeys: false, logLevel: "error" } as const;
  const document = parseDocument(readText(path), options);
  // Warnings are about tags and directives: !!js/function would be read as if it were not there.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem?.code === "MULTIPLE_DOCS")
    throw refused(path, 'several documents (a line of "---"); allowed: one');
  if (problem) throw refused(path, quote(inWords(problem.message)));
  checkKeys(path, document);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw refused(path, quote((cause as Error).message));
  }
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
  const content = parseYaml(path);
  if (content === null || content === undefined) return [];
  if (typeof content !== "object" || Array.isArray(content))
    throw refused(path, "expected a mapping of flag names, without dashes, to values");
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
    const near = nearest(
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
  const text = asText(path, key, value);
  try {
    const parsed = option.parseArg ? option.parseArg(text, undefined) : text;
    return { flag: option.long as string, value: parsed };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw refused(path, `"${quote(key)}" got "${quote(text)}"; ${error.message.toLowerCase()}`);
  }
}
