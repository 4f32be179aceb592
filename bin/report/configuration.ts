// Configuration: the settings of a run, those that differ from DeiT's first, and what it ran on.

import { isAbsolute } from "node:path";
import type { RunSetting } from "../../proto/dashboard.js";
import type { TrainerOption } from "../../trainer/core/option-kinds.js";
import { TRAINER_OPTIONS } from "../../trainer/core/options.js";
import { DEIT_SETTINGS, type TrainerSettings } from "../../trainer/core/settings.js";
import { packageVersion } from "../command-line.js";
import { type Html, html } from "./html.js";
import { shownPath } from "./names.js";
import type { RunHistory } from "./reported-run.js";

/** One flag for each setting: none that is short for another, and --ema for what --no-ema turns off. */
const SHOWN = TRAINER_OPTIONS.filter(
  ({ flag, kind }) => kind.type !== "switch" || !(kind.alias || flag.startsWith("--no-")),
);

function shownValue(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return value.map((part) => Number(Number(part).toFixed(4))).join(", ");
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "string" && isAbsolute(value) ? shownPath(value) : String(value);
}

/** As the flag has it: a switch that sets another value than the setting has is off. */
function flagValue({ kind, get }: TrainerOption, settings: TrainerSettings): unknown {
  const value = get(settings);
  return kind.type === "switch" ? value === kind.sets : value;
}

const sameValue = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function row(option: TrainerOption, settings: TrainerSettings): Html {
  const { flag, help } = option;
  const [value, usual] = [flagValue(option, settings), flagValue(option, DEIT_SETTINGS)];
  const changed = !sameValue(value, usual);
  return html`<tr class="${changed ? "changed" : "plain"}"><td><code>${flag}</code></td><td>${shownValue(value)}</td>
<td>${changed ? shownValue(usual) : ""}</td><td class="help"><small>${help.replace(/ \([^()]*\)$/, "")}</small></td></tr>`;
}

const table = (
  options: readonly TrainerOption[],
  settings: TrainerSettings,
): Html => html`<div class="scroll"><table class="settings">
<tr><th>setting</th><th>value</th><th>DeiT's</th><th class="help"></th></tr>${options.map((option) => row(option, settings))}</table></div>`;

export function settingsTable({ settings }: RunHistory["state"]): Html {
  const isUsual = (option: TrainerOption) =>
    sameValue(flagValue(option, settings), flagValue(option, DEIT_SETTINGS));
  return html`${table(
    SHOWN.filter((option) => !isUsual(option)),
    settings,
  )}
<details><summary>Settings as DeiT's defaults</summary>${table(SHOWN.filter(isUsual), settings)}</details>`;
}

/** Every setting, with DeiT's. */
export function shownSettings(settings: TrainerSettings): RunSetting[] {
  return SHOWN.map((option) => {
    const [value, usual] = [flagValue(option, settings), flagValue(option, DEIT_SETTINGS)];
    const isChanged = !sameValue(value, usual);
    return { flag: option.flag, value: shownValue(value), usual: shownValue(usual), isChanged };
  });
}

/** Settings in which runs differ: flag → value of each run. */
export function differingSettings(runs: readonly RunHistory[]): { flag: string; values: string[] }[] {
  return SHOWN.map((option) => ({
    flag: option.flag,
    values: runs.map(({ state }) => shownValue(flagValue(option, state.settings))),
  })).filter(({ values }) => new Set(values).size > 1);
}

function versions(): string {
  return `Vitrine ${packageVersion()}, Node ${process.versions.node}, ${process.platform} ${process.arch}`;
}

export function environmentTable({ state, path }: RunHistory): Html {
  const facts: [string, string][] = [
    ["run", shownPath(path)],
    ["device", state.gpuTier === null ? state.device : `${state.device}, tier ${state.gpuTier}`],
    ["fused multiply-add", state.fusedMultiplyAdd ? "yes" : "no"],
    [
      "training data",
      `${state.data.samples.toLocaleString("en")} images, fingerprint ${state.data.fingerprint.slice(0, 12)}`,
    ],
    ["validation data", state.validationPath === null ? "none" : shownPath(state.validationPath)],
    ...(state.teacher
      ? [["teacher", `SHA-256 ${state.teacher.sha256.slice(0, 12)}`] as [string, string]]
      : []),
    ["report written with", versions()],
  ];
  return html`<table>${facts.map(([name, value]) => html`<tr><td>${name}</td><td>${value}</td></tr>`)}</table>`;
}
