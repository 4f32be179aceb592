// The command line's manners: one line for an error, exit status 1, no stack trace unless VITRINE_TRACE is set.

import { escapeControls, isVitrineError } from "../runtime/errors.js";

/** Prints what went wrong on one line and sets the exit status. */
export function reportFailure(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const code = isVitrineError(error) ? error.code : "internal/unexpected";
  process.stderr.write(`vitrine: ${code}: ${escapeControls(message.trim().replaceAll(/\s*\n\s*/g, " "))}\n`);
  if (process.env.VITRINE_TRACE && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}

/** Wraps a command's action so that whatever it throws is reported and nothing is left half-said. */
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
