// Log: a server's lines on standard error, readable ones on a terminal and JSON elsewhere.

import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogOptions {
  /** The lines' `name`, such as `data-server`. */
  name: string;
  /** Lines of this level and above. The environment variable VITRINE_LOG names the default, else `warn`. */
  level?: LogLevel | undefined;
  /** Default: text on a terminal, JSON elsewhere. */
  format?: LogFormat | undefined;
}

const STANDARD_ERROR = 2;

export function createLog({ name, level, format }: LogOptions): Logger {
  const options = { name, level: level ?? process.env.VITRINE_LOG ?? "warn" };
  const isJson = format === undefined ? !process.stderr.isTTY : format === "json";
  // Synchronous: the lines before the process ends are those that matter most.
  if (isJson) return pino(options, pino.destination({ dest: STANDARD_ERROR, sync: true }));
  return pino(
    options,
    pretty({ destination: STANDARD_ERROR, sync: true, ignore: "pid,hostname", singleLine: true }),
  );
}
