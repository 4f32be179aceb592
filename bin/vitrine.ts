#!/usr/bin/env node
// vitrine: one command with its subcommands. Each file in commands/ registers one of them.

import { Command, CommanderError } from "commander";
import { VitrineError } from "../runtime/errors.js";
import { reportFailure } from "./command-line.js";
import { COMMANDS } from "./commands/index.js";

const program = new Command("vitrine")
  .description("Train, validate and serve data-efficient image transformers (DeiT)")
  .showHelpAfterError(false)
  .exitOverride()
  .configureOutput({ outputError: () => {} });

for (const register of COMMANDS) register(program);
for (const command of program.commands) {
  command.exitOverride().configureOutput({ outputError: () => {} });
  for (const sub of command.commands) sub.exitOverride().configureOutput({ outputError: () => {} });
}

// A reader that has seen enough (`vitrine data digest … | head`) is no failure.
process.stdout.once("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    const asked =
      error.code === "commander.helpDisplayed" || error.code === "commander.help" || error.exitCode === 0;
    if (!asked) {
      const text = error.message.replace(/^error: /, "");
      reportFailure(new VitrineError("usage/command-line", `${text} (see "vitrine --help")`));
    }
  } else reportFailure(error);
}
