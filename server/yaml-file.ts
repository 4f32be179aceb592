// YAML file: a mapping of settings that people write, read whole and checked before any of it is used.

import { type Document, isMap, isScalar, parseDocument } from "yaml";
import { quote, VitrineError } from "../runtime/errors.js";
import { readWholeFileSync } from "../runtime/host/node-files.js";

/** A file of settings has a few kilobytes; the time of the parser grows faster than a file's size. */
const MAX_BYTES = 100_000;

/** The error for a file of settings that cannot be used. */
export function refusedSettings(path: string, what: string): VitrineError {
  return new VitrineError("usage/config", `${quote(path)}: ${what}`, { details: { path } });
}

function readText(path: string, hint: string): string {
  try {
    return new TextDecoder().decode(readWholeFileSync(path, MAX_BYTES, hint));
  } catch (cause) {
    throw new VitrineError("usage/config", (cause as Error).message, { cause, details: { path } });
  }
}

/** The parser compares each key with all before it, minutes for a file of keys alone: keys are compared here. */
function checkKeys(path: string, { contents }: Document.Parsed): void {
  if (!isMap(contents)) return;
  const seen = new Set<unknown>();
  for (const { key } of contents.items) {
    const name = isScalar(key) ? String(key.value) : key;
    if (seen.has(name)) throw refusedSettings(path, `"${quote(String(name))}" is there twice`);
    seen.add(name);
  }
}

/** The first line of the parser's text, which shows the place in those below it. */
function inWords(message: string): string {
  const line = message.split("\n")[0].replace(/:$/, "");
  return line.replace("Maximum call stack size exceeded", "lists or mappings are nested too deeply");
}

function parseYaml(path: string, hint: string): unknown {
  // A "silent" parser leaves out a second document without an error.
  const options = { schema: "core", uniqueKeys: false, logLevel: "error" } as const;
  const document = parseDocument(readText(path, hint), options);
  // Warnings are about tags and directives: !!js/function would be read as if it were not there.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem?.code === "MULTIPLE_DOCS")
    throw refusedSettings(path, 'several documents (a line of "---"); allowed: one');
  if (problem) throw refusedSettings(path, quote(inWords(problem.message)));
  checkKeys(path, document);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw refusedSettings(path, quote((cause as Error).message));
  }
}

/**
 * The mapping in a YAML file; empty for an empty file. `hint` follows "no such file" in the error. Throws `usage/config`
 * for anything that is no single mapping without tags, aliases and equal keys.
 */
export function readYamlMapping(path: string, hint: string, expected: string): Record<string, unknown> {
  const content = parseYaml(path, hint);
  if (content === null || content === undefined) return {};
  if (typeof content === "object" && !Array.isArray(content)) return content as Record<string, unknown>;
  throw refusedSettings(path, `expected ${expected}`);
}
