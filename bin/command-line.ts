// The command line's conventions: one line for an error and exit status 1, examples in every help, JSON on one line.

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { escapeControls, isVitrineError, quote, VitrineError } from "../runtime/errors.js";
import { entryAt, LARGEST_PHOTO, readWholeFile } from "../runtime/host/node-files.js";

/** Prints what went wrong on one line and sets the exit status. VITRINE_TRACE in the environment adds the stack. */
export function reportFailure(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const code = isVitrineError(error) ? error.code : "internal/unexpected";
  // Texts of the system and of other packages may hold anything.
  const line = escapeControls(message.trim().replaceAll(/\s*\n\s*/g, " "));
  process.stderr.write(`vitrine: ${code}: ${line}\n`);
  if (process.env.VITRINE_TRACE && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}

/** Wraps a command's action so that what it throws is reported. */
export function action<Arguments extends unknown[]>(
  run: (...args: Arguments) => Promise<void>,
): (...args: Arguments) => Promise<void> {
  return async (...args) => {
    try {
      await run(...args);
    } catch (error) {
      reportFailure(error);
    }
  };
}

/** Results go to standard output, one JSON object on one line, so that `tail -1 | jq` works. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Adds examples to a command's help: `[what it does, the command line]`. */
export function withExamples(command: Command, examples: readonly [what: string, line: string][]): Command {
  const lines = examples.map(([what, line]) => `  # ${what}\n  ${line}`);
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

/** Compiled to dist/bin/; package.json is two folders up, in a clone and in an installed package alike. */
const MANIFEST = new URL("../../package.json", import.meta.url);

/** Vitrine's own version, as package.json has it. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(MANIFEST, "utf8")) as { version: string };
  return version;
}

/** Bytes of a photo named on the command line. Throws `file/not-found`, `file/unreadable`. */
export async function readPhoto(file: string): Promise<Uint8Array> {
  if (entryAt(file)?.isDirectory())
    throw new VitrineError("file/unreadable", `${quote(file)} is a folder: pass the photos in it`, {
      details: { path: file },
    });
  return readWholeFile(file, LARGEST_PHOTO);
}
