// Model entry: what a repository knows of one model: its versions that answer, those that were refused and why, and what
// callers are shown of it.

import { isVitrineError, quote, VitrineError } from "../../../runtime/errors.js";
import type { ModelEngine, ModelState, ModelStatus } from "../contract.js";
import { compareVersions } from "./version-policy.js";

/** A version that answers requests. */
interface Ready {
  engine: ModelEngine;
  stamp: string;
}

interface Refused {
  stamp: string;
  error: unknown;
}

export interface Entry {
  ready: Map<string, Ready>;
  refused: Map<string, Refused>;
  /** Versions whose loading or unloading has begun. */
  busy: Map<string, ModelState>;
  /** Why it has no version at all. */
  fault: string;
  /** Whether it should be served; with explicit control, what was loaded and not unloaded. */
  wanted: boolean;
}

export const textOf = (error: unknown): string =>
  isVitrineError(error) ? `${error.code}: ${error.message}` : quote(String(error));

/** A model's versions as its index lists them. `started`: the models were looked up and tried once. */
export function statusesOf(name: string, entry: Entry, started: boolean): ModelStatus[] {
  const { ready, refused, busy } = entry;
  const versions = [...new Set([...ready.keys(), ...refused.keys(), ...busy.keys()])].sort(compareVersions);
  const statuses = versions.map((version): ModelStatus => {
    const failure = refused.get(version);
    const reason = failure ? textOf(failure.error) : "";
    if (ready.has(version)) return { name, version, state: "ready", reason };
    return { name, version, state: busy.get(version) ?? "unavailable", reason };
  });
  if (statuses.length > 0) return statuses;
  const state = entry.wanted && !started ? "loading" : "unavailable";
  return [{ name, version: "", state, reason: entry.fault || (entry.wanted ? "" : "not loaded") }];
}

export const newest = (versions: Iterable<string>): string | undefined =>
  [...versions].sort(compareVersions).at(-1);

/** Why a model's newest version is not served. */
export function failureOf(name: string, { refused, fault }: Entry): unknown {
  const version = newest(refused.keys());
  if (version !== undefined) return refused.get(version)?.error;
  return new VitrineError("model/no-model", fault || `model "${name}": no version that its settings choose`);
}

/** The names of an error's text: a repository may have thousands of models. */
const NAMED = 20;

export function unknownModel(name: string, names: readonly string[]): VitrineError {
  const known = names.slice(0, NAMED).map((each) => `"${quote(each)}"`);
  const rest = names.length > NAMED ? ", …" : "";
  const text = `no model "${quote(name)}"; models of this server: ${known.join(", ") || "none"}${rest}`;
  return new VitrineError("protocol/unknown-model", text);
}

export const notReady = (text: string): VitrineError => new VitrineError("network/model-not-ready", text);
