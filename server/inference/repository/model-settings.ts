// Model settings: what MODEL/vitrine.yaml may set for one model, in place of the server's flags of the same names.

import { quote, quoteJson } from "../../../runtime/errors.js";
import { readYamlMapping, refusedSettings } from "../../yaml-file.js";
import type { ModelLimits } from "../contract.js";
import { NEWEST, parseVersionPolicy, type VersionPolicy } from "./version-policy.js";

export const SETTINGS_FILE = "vitrine.yaml";

export interface ModelSettings {
  /** Limits that differ from the server's. */
  limits: Partial<ModelLimits>;
  /** Models with a lower number get the device first. Default 0. */
  priority: number;
  versions: VersionPolicy;
  /** As `--dtype`. Absent: the server's. */
  dtype?: string;
}

export const DEFAULT_SETTINGS: ModelSettings = { limits: {}, priority: 0, versions: NEWEST };

interface Bounds {
  min: number;
  max: number;
}

const COUNT: Bounds = { min: 1, max: 1_000_000 };

/** Largest values as those of the flags. */
const LIMITS: Readonly<Record<string, [keyof ModelLimits, Bounds]>> = {
  "max-batch": ["maxBatch", { min: 1, max: 256 }],
  "max-queue": ["maxQueue", COUNT],
  "max-queue-delay-us": ["queueDelayUs", { min: 0, max: 10_000_000 }],
  "max-images-per-request": ["maxImages", COUNT],
};

const DTYPES = ["f32", "f16", "bf16", "int8"];
const PRIORITIES: Bounds = { min: -1_000, max: 1_000 };

/** Throws `usage/config`, naming the key and what it may be. */
export function readModelSettings(path: string): ModelSettings {
  const content = readYamlMapping(path, "", "a mapping of settings");
  const refuse = (text: string) => refusedSettings(path, text);
  const whole = (key: string, value: unknown, { min, max }: Bounds): number => {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max)
      return value;
    throw refuse(`"${key}" got ${quoteJson(value)}; allowed: a whole number from ${min} to ${max}`);
  };
  const settings: ModelSettings = { ...DEFAULT_SETTINGS, limits: {} };
  for (const [written, value] of Object.entries(content)) {
    const key = written.replaceAll("_", "-");
    const limit = Object.hasOwn(LIMITS, key) ? LIMITS[key] : undefined;
    if (limit) settings.limits[limit[0]] = whole(key, value, limit[1]);
    else if (key === "priority") settings.priority = whole(key, value, PRIORITIES);
    else if (key === "versions") settings.versions = parseVersionPolicy(value, refuse);
    else if (key === "dtype") {
      if (typeof value !== "string" || !DTYPES.includes(value))
        throw refuse(`"dtype" got ${quoteJson(value)}; allowed: ${DTYPES.join(", ")}`);
      settings.dtype = value;
    } else {
      const allowed = [...Object.keys(LIMITS), "priority", "versions", "dtype"].join(", ");
      throw refuse(`unknown key "${quote(written)}"; allowed: ${allowed}`);
    }
  }
  return settings;
}
