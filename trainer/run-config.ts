// Run configuration: RUN/config.yaml, every setting of a run under the names of the flags, from which `-c` reproduces it.

import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { TrainerOption } from "./core/option-kinds.js";
import { TRAINER_OPTIONS } from "./core/options.js";
import type { TrainerSettings } from "./core/settings.js";

/** A key's name is the flag's without dashes in front. */
const configKey = (flag: string): string => flag.replace(/^--/, "");

/** What a flag sets, as a value of the file; undefined where the setting has no value, or another flag says it. */
function configValue({ flag, kind, get }: TrainerOption, settings: TrainerSettings): unknown {
  const value = get(settings);
  if (value === null) return undefined;
  if (kind.type !== "switch") return value;
  // `ema: false` says what `no-ema: true` would.
  return kind.alias || flag.startsWith("--no-") ? undefined : value;
}

/** The text of config.yaml: the command's own settings, then the run's, by group. */
export function runConfigText(
  settings: TrainerSettings,
  command: Readonly<Record<string, string | number | boolean>>,
): string {
  const groups = new Map<string, Record<string, unknown>>();
  for (const option of TRAINER_OPTIONS) {
    const value = configValue(option, settings);
    if (value === undefined) continue;
    groups.set(option.group, { ...groups.get(option.group), [configKey(option.flag)]: value });
  }
  const sections = [["Data and device", command] as const, ...groups];
  const text = sections
    .filter(([, values]) => Object.keys(values).length > 0)
    .map(
      ([group, values]) =>
        `\n# ${group}\n${stringify(values, { lineWidth: 0, flowCollectionPadding: false })}`,
    );
  return `# Every setting of this run. vitrine train -c FILE --out FOLDER reproduces it.\n${text.join("")}`;
}

/** In RUN. */
export const CONFIG_FILE = "config.yaml";

/** Writes RUN/config.yaml, or replaces that of a run whose length or logging changed when it was resumed. */
export async function writeRunConfig(folder: string, text: string): Promise<void> {
  const path = join(folder, CONFIG_FILE);
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
}
