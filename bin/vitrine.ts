#!/usr/bin/env node
// vitrine: one command with its subcommands, each of which a file in commands/ configures.

import { Command, CommanderError } from "commander";
import { quote, VitrineError } from "../runtime/errors.js";
import { packageVersion, reportFailure, withExamples } from "./command-line.js";
import { COMMAND_GROUPS } from "./command-table.js";
import { knownFlagAnswer } from "./known-flags.js";

const program = new Command("vitrine")
  .description("Train, validate and serve data-efficient image transformers (DeiT)")
  .version(packageVersion(), "-V, --version", "print the version")
  .configureHelp({ subcommandTerm: (command) => command.name() })
  .showHelpAfterError(false);
withExamples(program, [
  ["a first run, from data set to trained model", "vitrine start"],
  ["the flags of a command", "vitrine train --help"],
]);

/** Commander looks for required options first, which would hide a misspelled one: `--ouput` is not a missing --output. */
function unknownFlag(error: CommanderError, command: Command, depth: number): string | undefined {
  if (error.code !== "commander.missingMandatoryOptionValue") return undefined;
  const { unknown } = command.parseOptions(process.argv.slice(1 + depth));
  const flag = unknown.find((word) => word.startsWith("-"));
  return flag && `unknown option '${quote(flag.split("=", 1)[0])}'`;
}

/** The first error of a command becomes one line; flags of timm and deit are answered with ours. */
function usageError(error: CommanderError, command: Command): VitrineError {
  const names: string[] = [];
  for (let at: Command | null = command; at; at = at.parent) names.unshift(at.name());
  const flags = command.options.flatMap(({ long, short }) => [long, short]);
  const answer = knownFlagAnswer(names.slice(1).join(" "), flags, process.argv.slice(2));
  const text =
    answer ??
    unknownFlag(error, command, names.length) ??
    error.message.replace(/^error: /, "").replace(/(unknown option '[^'=]+)=.*'/, "$1'");
  return new VitrineError("usage/command-line", `${text} (see "${names.join(" ")} --help")`);
}

/** Instead of printing and leaving the process, commander's errors are thrown. */
function throwErrors(command: Command): void {
  command.configureOutput({ outputError: () => {} }).exitOverride((error) => {
    // Help and version end with a status of 0, `vitrine` without a command with help and a status of 1.
    throw error.exitCode === 0 || error.code === "commander.help" ? error : usageError(error, command);
  });
  for (const subcommand of command.commands) throwErrors(subcommand);
}

/** The command that the arguments name: none of the program's own options takes a value. */
function namedCommand(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((word) => !word.startsWith("-"));
  return first === "help" ? second : first;
}

const named = namedCommand(process.argv.slice(2));
for (const [heading, commands] of COMMAND_GROUPS) {
  program.commandsGroup(heading);
  for (const { name, description, outlivesHangup, load } of commands) {
    const command = program.command(name).description(description);
    if (name !== named) continue;
    // Without a handler the signal ends the process; what it asks for is done anyway, since nothing was read yet.
    if (outlivesHangup) process.on("SIGHUP", () => {});
    (await load())(command);
  }
}
throwErrors(program);

// A reader that has seen enough (`vitrine data digest … | head`) is no failure.
process.stdout.once("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) reportFailure(error);
}
