// Settings: the options of a command from its flags, from the environment (VITRINE_MAX_BATCH for --max-batch) and from a
// YAML file (-c), in this order. Commander's table of options is the only one.

import type { Command, Option } from "commander";
import { stringify } from "yaml";
import { quote, VitrineError } from "../runtime/errors.js";
import { nearestName, readConfigFile } from "./config-file.js";

/** They say where settings are, and are none. */
const NOT_SETTINGS = ["--config", "--print-config", "--help"];

/** Variables of the package that are no flags. */
const OTHER_VARIABLES = ["VITRINE_LOG", "VITRINE_TRACE", "VITRINE_WASM", "VITRINE_WIDE_SIMD"];

const PREFIX = "VITRINE_";

export function addSettings(command: Command): void {
  command
    .optionsGroup("Settings:")
    .option(
      "-c, --config <file>",
      "YAML file of flags without dashes; flags and VITRINE_… variables override it",
    )
    .option("--print-config", "print the settings as such a file, each with its source, and exit");
}

function settingsOf(command: Command): Option[] {
  return command.options.filter(({ long }) => long !== undefined && !NOT_SETTINGS.includes(long));
}

const variableOf = ({ long }: Option): string =>
  PREFIX + (long as string).slice(2).toUpperCase().replaceAll("-", "_");

/** The text of a variable as the flag has it; an option that may be repeated takes several with commas. */
function parseVariable(option: Option, text: string): unknown {
  const parse = (part: string, before?: unknown): unknown =>
    option.parseArg ? option.parseArg(part, before as never) : part;
  try {
    if (!Array.isArray(option.defaultValue)) return parse(text);
    return text.split(",").reduce<unknown>((before, part) => parse(part.trim(), before), []);
  } catch (error) {
    const code = error instanceof VitrineError ? error.code : "usage/command-line";
    throw new VitrineError(code, `${variableOf(option)}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Takes what the command line does not say from the environment and the file. `notice` is passed a line about variables
 * that are near to one that there is. Throws `usage/config`, and what the flags' parsers throw.
 */
export function completeSettings(
  command: Command,
  notice: (text: string) => void,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): void {
  const options = settingsOf(command);
  const given = (option: Option): string | undefined => command.getOptionValueSource(option.attributeName());
  const { config } = command.opts<{ config?: string }>();
  const entries = config === undefined ? [] : readConfigFile(config, command, NOT_SETTINGS);
  for (const { flag, value } of entries) {
    const option = options.find(({ long }) => long === flag);
    if (option && given(option) !== "cli")
      command.setOptionValueWithSource(option.attributeName(), value, "config");
  }
  for (const option of options) {
    const text = environment[variableOf(option)];
    if (text === undefined || text === "" || given(option) === "cli") continue;
    command.setOptionValueWithSource(option.attributeName(), parseVariable(option, text), "env");
  }
  const known = options.map(variableOf);
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(PREFIX) || known.includes(name) || OTHER_VARIABLES.includes(name)) continue;
    const near = nearestName(name, known);
    if (near !== undefined) notice(`${quote(name)} is no setting: did you mean ${near}?`);
  }
}

/** The settings as a file that `-c` takes; what is not set is a comment. */
export function settingsText(command: Command): string {
  const lines = settingsOf(command).map((option) => {
    const name = option.attributeName();
    const key = (option.long as string).slice(2);
    const value: unknown = command.getOptionValue(name);
    const source = command.getOptionValueSource(name) ?? "default";
    const from = source === "env" ? variableOf(option) : source;
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return `# ${key}:`;
    const text = stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd();
    return `${key}: ${text} # ${from}`;
  });
  return `${lines.join("\n")}\n`;
}
