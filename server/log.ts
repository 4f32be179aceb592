// Log: what a server tells its operator, on standard error. Warnings only, unless VITRINE_LOG names another level.

import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

const STANDARD_ERROR = 2;

/** Lines for people on a terminal, JSON lines elsewhere. `name` is the server's. */
export function createLog(name: string): Logger {
  const options = { name, level: process.env.VITRINE_LOG ?? "warn" };
  if (!process.stderr.isTTY) return pino(options, pino.destination({ dest: STANDARD_ERROR, sync: true }));
  return pino(options, pretty({ destination: STANDARD_ERROR, sync: true, ignore: "pid,hostname" }));
}
