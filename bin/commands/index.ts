// The list of subcommands, in the order in which help shows them.

import type { Command } from "commander";

/** Adds one subcommand to the program. */
export type Register = (program: Command) => void;

export const COMMANDS: Register[] = [];
