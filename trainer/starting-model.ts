// Starting model: what a new run of the command line begins with: a free folder, settings, and the model of --model and
// --init.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { quote, VitrineError } from "../runtime/errors.js";
import { CONFIG_FILE } from "../runtime/host/host.js";
import { nodeModelSource } from "../runtime/host/node.js";
import { entryAt, LARGEST_TEXT, readWholeFile } from "../runtime/host/node-files.js";
import { readModel } from "../runtime/model-files/stored-model.js";
import {
  familyOf,
  type ModelConfig,
  publishedConfig,
  readFamilyFile,
  similarNames,
} from "../runtime/models/families.js";
import { hasCheckpoint } from "./checkpoint/load.js";
import type { FirstModel, StartingModel } from "./core/first-weights.js";
import { settingsFrom } from "./core/options.js";
import type { RunRequest } from "./core/run.js";
import type { TrainerSettings } from "./core/settings.js";
import { checkSettings } from "./core/settings.js";
import { isTeacherAddress, parseTeacherAddress } from "./teacher-address.js";

/** Architecture by published name, config.json, or model folder. Throws `model/unknown`, `model/config`. */
async function namedConfig(model: string): Promise<ModelConfig> {
  const known = publishedConfig(model);
  if (known) return known;
  const entry = entryAt(model);
  if (!entry)
    throw new VitrineError(
      "model/unknown",
      `--model ${quote(model)} is neither a file nor a published name such as ` +
        `${similarNames(model).join(", ")}; "vitrine models" lists all`,
      { details: { model } },
    );
  const path = entry.isDirectory() ? join(model, CONFIG_FILE) : model;
  const text = new TextDecoder().decode(await readWholeFile(path, LARGEST_TEXT, " (--model)"));
  const { family, sizes, architecture } = readFamilyFile(text, path);
  const published = architecture === undefined ? undefined : publishedConfig(architecture);
  return family.completeConfig({ ...published, classes: 1, ...sizes }, path);
}

/** Reads what `settings` name, before anything else is opened. */
export async function openStartingModel(settings: TrainerSettings): Promise<StartingModel> {
  const init =
    settings.init === null ? null : await readModel(nodeModelSource(settings.init), { headless: true });
  const config = settings.model === null ? init?.config : await namedConfig(settings.model);
  if (config === undefined) throw new VitrineError("usage/training", "no model: give --model or --init");
  const { inputSize, evalCropRatio } = settings;
  const asked = {
    ...config,
    ...(inputSize === null ? {} : { imageSize: inputSize }),
    ...(evalCropRatio === null ? {} : { cropRatio: evalCropRatio }),
  };
  familyOf(asked).checkConfig(asked, settings.model ?? settings.init ?? undefined);
  return { config: asked, init };
}

/** Files that a run killed before its first checkpoint may leave. */
const LEFTOVERS = /^(lock(\.takeover)?|(metrics\.csv|config\.yaml)(\.next)?|last\.next|best\.next)$/;

/** Throws `usage/out` if RUN contains a run already, or anything else. */
async function checkFree(out: string): Promise<void> {
  if (!existsSync(out)) return;
  const name = quote(out);
  if (await hasCheckpoint(out))
    throw new VitrineError(
      "usage/out",
      `${name} already contains a run: continue it with --resume, or give another --out`,
      { details: { out } },
    );
  let entries: string[];
  try {
    entries = readdirSync(out);
  } catch (cause) {
    throw new VitrineError("usage/out", `--out ${name} is not a folder: ${(cause as Error).message}`, {
      cause,
    });
  }
  const foreign = entries.find((entry) => !LEFTOVERS.test(entry));
  if (foreign === undefined) return;
  throw new VitrineError("usage/out", `${name} is not empty (${quote(foreign)}): give another --out`, {
    details: { out },
  });
}

/** What a new run begins with. Reads files, and writes nothing. */
export async function openFirstModel({ out, given, configured }: RunRequest): Promise<FirstModel> {
  await checkFree(out);
  const asked = settingsFrom(given, configured);
  checkSettings(asked);
  if (asked.teacher !== null && isTeacherAddress(asked.teacher)) parseTeacherAddress(asked.teacher);
  return { asked, start: await openStartingModel(asked) };
}
