// The list of subcommands, in the order in which help shows them.

import type { Command } from "commander";
import { registerClient } from "./client.js";
import { registerServe } from "./serve.js";

/** Adds one subcommand to the program. */
export type Register = (program: Command) => void;

export const COMMANDS: Register[] = [registerServe, registerClient];
