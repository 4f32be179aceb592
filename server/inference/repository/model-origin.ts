// Model origin: where a server's models come from: paths that were named one by one, or a repository folder with
// MODEL/VERSION/ and MODEL/vitrine.yaml.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isVitrineError, quote, VitrineError } from "../../../runtime/errors.js";
import { lookAtModel, type ModelFiles } from "./model-files.js";
import { DEFAULT_SETTINGS, type ModelSettings, readModelSettings, SETTINGS_FILE } from "./model-settings.js";
import { compareVersions, VERSION_NAME } from "./version-policy.js";

export interface FoundVersion extends ModelFiles {
  version: string;
  /** Folder or file. */
  path: string;
}

/** A model as its files are now. */
export interface FoundModel {
  name: string;
  settings: ModelSettings;
  /** In ascending order. */
  versions: readonly FoundVersion[];
  /** Why it has no version that can be loaded, for people; null: none that is known. */
  fault: string | null;
}

export interface ModelOrigin {
  /** The models there are now. Throws where that cannot be told: what is served then stays as it is. */
  list(): Promise<FoundModel[]>;
}

/** Part of addresses and of folders; a colon would begin a view of a model. */
const MODEL_NAME = /^[A-Za-z0-9][\w.-]{0,127}$/;

/** Throws `usage/models`. */
export function checkModelName(name: string): string {
  if (MODEL_NAME.test(name)) return name;
  const text =
    `model name "${quote(name)}"; allowed: up to 128 letters, digits, ".", "_" and "-", with a letter or digit first ` +
    "(--model NAME=PATH)";
  throw new VitrineError("usage/models", text, { details: { name } });
}

/** A model at a path, whose only version is 1. */
export function modelAtPath(name: string, path: string): ModelOrigin {
  return {
    list: async () => {
      const look = await lookAtModel(path, false);
      return [{ name, settings: DEFAULT_SETTINGS, versions: [{ version: "1", path, ...look }], fault: null }];
    },
  };
}

/** Models of a repository, and versions of one of them, that are looked at. */
const MOST_FOLDERS = 1_000;

/** What an entry leads to has been removed since, or a link leads nowhere. */
const LEADS_NOWHERE = ["ENOENT", "ELOOP"];

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    // One entry does not keep all the others from being served.
    if (LEADS_NOWHERE.includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

async function foldersIn(path: string, isName: RegExp): Promise<string[]> {
  const names = (await readdir(path)).filter((name) => isName.test(name));
  if (names.length > MOST_FOLDERS) {
    const text = `${quote(path)}: ${names.length} entries; allowed: at most ${MOST_FOLDERS}`;
    throw new VitrineError("usage/models", text, { details: { path } });
  }
  const folders = await Promise.all(
    names.map(async (name) => ((await isFolder(join(path, name))) ? [name] : [])),
  );
  return folders.flat();
}

async function readModelFolder(folder: string, name: string): Promise<FoundModel> {
  const found: FoundModel = { name, settings: DEFAULT_SETTINGS, versions: [], fault: null };
  try {
    const names = (await foldersIn(folder, VERSION_NAME)).sort(compareVersions);
    const versions: FoundVersion[] = [];
    for (const version of names) {
      const path = join(folder, version);
      versions.push({ version, path, ...(await lookAtModel(path, true)) });
    }
    const hasSettings = (await readdir(folder)).includes(SETTINGS_FILE);
    const settings = hasSettings ? readModelSettings(join(folder, SETTINGS_FILE)) : DEFAULT_SETTINGS;
    const fault =
      versions.length > 0 ? null : `${quote(folder)}: no version folder; allowed: whole numbers, such as 1`;
    return { name, settings, versions, fault };
  } catch (error) {
    const fault = isVitrineError(error) ? error.message : quote(String((error as Error).message));
    return { ...found, fault };
  }
}

/** Folders whose names are no model's, such as `.incoming`, are passed over. */
export function modelRepositoryFolder(folder: string): ModelOrigin {
  return {
    list: async () => {
      const models: FoundModel[] = [];
      for (const name of (await foldersIn(folder, MODEL_NAME)).sort())
        models.push(await readModelFolder(join(folder, name), name));
      return models;
    },
  };
}

/** All of several, in the order of their names. Throws `usage/models` where two models have one name. */
export function joinOrigins(origins: readonly ModelOrigin[]): ModelOrigin {
  return {
    list: async () => {
      const models = (await Promise.all(origins.map((origin) => origin.list()))).flat();
      const names = new Set<string>();
      for (const { name, versions } of models) {
        if (names.has(name)) {
          const where = versions[0] ? ` (one at ${quote(versions[0].path)})` : "";
          throw new VitrineError("usage/models", `two models are named "${name}"${where}: rename one`);
        }
        names.add(name);
      }
      return models.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}
