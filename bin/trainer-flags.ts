// Trainer flags: the trainer's table of settings as flags of the command line and keys of a configuration file.

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { isHubReference } from "../runtime/models/hub-reference.js";
import type { OptionValue, TrainerOption } from "../trainer/core/option-kinds.js";
import { TRAINER_OPTIONS } from "../trainer/core/options.js";
import { isTeacherAddress } from "../trainer/teacher-address.js";
import { isInBucket } from "./bucket-copy.js";
import { readConfigFile } from "./config-file.js";
import { decimalNumber, numberPair, wholeNumber } from "./options.js";

function parser({ flag, kind }: TrainerOption): ((text: string) => OptionValue) | undefined {
  if (kind.type === "number") return (kind.whole ? wholeNumber : decimalNumber)(flag, kind);
  if (kind.type === "pair") return numberPair(flag);
  if (kind.type !== "path") return undefined;
  const isRemote = (text: string) =>
    isHubReference(text) || isInBucket(text) || (flag === "--teacher" && isTeacherAddress(text));
  return (text) => (isRemote(text) ? text : resolve(text));
}

/** Names of a flag's value in the help. */
const VALUE_NAMES = { number: "n", text: "name", path: "path", choice: "choice", pair: "low,high" };

function valueName(kind: Exclude<TrainerOption["kind"], { type: "switch" }>): string {
  return (kind.type === "text" && kind.shown) || VALUE_NAMES[kind.type];
}

function commandOption(option: TrainerOption, flag = option.flag): Option {
  const { kind, help, group } = option;
  // The table's defaults are in parentheses at the end, without commander's word for them.
  const described = help.replace(/ \(((?:[^()]|\([^()]*\))+)\)$/, " (default: $1)");
  const made = new Option(kind.type === "switch" ? flag : `${flag} <${valueName(kind)}>`, described);
  if (flag !== option.flag) made.hideHelp();
  made.helpGroup(`${group}:`);
  const parse = parser(option);
  if (parse) made.argParser(parse);
  if (kind.type === "choice") made.choices(kind.choices);
  return made;
}

const namesOf = ({ flag, aliases = [] }: TrainerOption): string[] => [flag, ...aliases];

/** The trainer's flags on the command line, without those left at their defaults. */
export function givenOptions(command: Command, options = TRAINER_OPTIONS): Map<string, OptionValue> {
  const given = new Map<string, OptionValue>();
  for (const option of options)
    for (const flag of namesOf(option)) {
      const name = new Option(flag).attributeName();
      if (command.getOptionValueSource(name) !== "cli") continue;
      const value = command.getOptionValue(name) as OptionValue;
      // --ema and --no-ema are one value of commander's.
      const isOther = option.kind.type === "switch" && value === flag.startsWith("--no-");
      if (!isOther) given.set(option.flag, option.kind.type === "switch" ? option.kind.sets : value);
    }
  return given;
}

/** Flags that say where a run is and how it is asked for, not what it is. */
const NOT_IN_A_FILE = [
  ...["--config", "--out", "--resume", "--resume-if-any", "--json", "--help", "--dry-run", "--dashboard"],
  ...["--rank", "--ranks-listen", "--ranks-advertise"],
];

/** The trainer's settings in a configuration file; the command's own are set in `command`, below its flags. */
export function configuredOptions(path: string | undefined, command: Command): Map<string, OptionValue> {
  const configured = new Map<string, OptionValue>();
  if (path === undefined) return configured;
  for (const { flag, value } of readConfigFile(path, command, NOT_IN_A_FILE)) {
    const option = TRAINER_OPTIONS.find((each) => namesOf(each).includes(flag));
    const name = new Option(flag).attributeName();
    if (option)
      configured.set(option.flag, option.kind.type === "switch" ? option.kind.sets : (value as OptionValue));
    else if (command.getOptionValueSource(name) !== "cli")
      command.setOptionValueWithSource(name, value, "config");
  }
  return configured;
}

/** Every setting as a flag, under all of its names. */
export function addTrainerOptions(command: Command, options = TRAINER_OPTIONS): void {
  for (const option of options)
    for (const flag of namesOf(option)) command.addOption(commandOption(option, flag));
}

/** Names by which commander knows the flags. */
export function attributeNames(options: readonly TrainerOption[]): string[] {
  return options.flatMap((option) => namesOf(option).map((flag) => new Option(flag).attributeName()));
}
