// Option kinds: what the flag of a setting is, which values it takes, and how rows of the table of flags are written.

import type { TrainerSettings } from "./settings.js";

export type OptionValue = string | number | boolean | [number, number];

export type OptionKind =
  | { type: "number"; min?: number; max?: number; whole?: boolean }
  /** `shown`: what the help has for the value. Default: name. */
  | { type: "text"; shown?: string }
  /** Made absolute, so that it keeps its meaning when the run is resumed from another folder. */
  | { type: "path" }
  | { type: "choice"; choices: readonly string[] }
  /** Two numbers, LOW,HIGH. */
  | { type: "pair" }
  /** No value: the flag alone sets `sets`. `alias`: another flag prints the setting. */
  | { type: "switch"; sets: OptionValue; alias?: true };

export interface TrainerOption {
  /** `--lr`. */
  flag: string;
  /** Other names, main.py's: accepted, not listed in the help. */
  aliases?: readonly string[];
  /** Heading in the help and in the printed settings. */
  group: string;
  kind: OptionKind;
  /** Ends with the default of recipe deit in parentheses. */
  help: string;
  /** Allowed with --resume: it changes no bit of the weights. A teacher's are compared, wherever they are. */
  free?: true;
  /** The run's length, which --resume may increase. */
  length?: true;
  get(settings: TrainerSettings): unknown;
  set(settings: TrainerSettings, value: OptionValue): TrainerSettings;
}

export type UngroupedOption = Omit<TrainerOption, "group">;

export function setting(
  flag: string,
  key: keyof TrainerSettings,
  kind: OptionKind,
  help: string,
): UngroupedOption {
  return {
    flag,
    kind,
    help,
    get: (settings) => settings[key],
    set: (settings, value) => ({ ...settings, [key]: value }),
  };
}

/** Also under names of main.py or timm. */
export const alias = (names: string, option: UngroupedOption): UngroupedOption => ({
  ...option,
  aliases: names.split(" "),
});
export const free = (option: UngroupedOption): UngroupedOption => ({ ...option, free: true });

export const text: OptionKind = { type: "text" };
export const path: OptionKind = { type: "path" };
export const pair: OptionKind = { type: "pair" };
export const count = (min: number): OptionKind => ({ type: "number", whole: true, min });
export const fraction: OptionKind = { type: "number", min: 0, max: 1 };
export const positive: OptionKind = { type: "number", min: 0 };
export const belowOne: OptionKind = { type: "number", min: 0, max: 0.99 };
export const choice = (...choices: string[]): OptionKind => ({ type: "choice", choices });
export const turnsOn: OptionKind = { type: "switch", sets: true };
export const turnsOff: OptionKind = { type: "switch", sets: false };
export const shorthand = (sets: OptionValue): OptionKind => ({ type: "switch", sets, alias: true });
