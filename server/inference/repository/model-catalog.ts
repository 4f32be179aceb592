// Model catalog: the models of a repository by name and version, as callers find them, and who is notified of changes.

import { quote, VitrineError } from "../../../runtime/errors.js";
import type { ModelEngine, ModelStatus } from "../contract.js";
import { type Entry, newest, notReady, statusesOf, unknownModel } from "./model-entry.js";
import { compareVersions } from "./version-policy.js";

export class ModelCatalog {
  readonly entries = new Map<string, Entry>();
  /** Whether every model was tried once. */
  isComplete = false;
  readonly #listeners = new Set<() => void>();
  readonly #isWanted: (name: string) => boolean;

  /** `isWanted`: whether a model that is found should be served. */
  constructor(isWanted: (name: string) => boolean) {
    this.#isWanted = isWanted;
  }

  /** Of the name, made where there is none. */
  entry(name: string): Entry {
    const known = this.entries.get(name);
    if (known) return known;
    const entry: Entry = {
      ready: new Map(),
      refused: new Map(),
      busy: new Map(),
      fault: "",
      wanted: this.#isWanted(name),
    };
    this.entries.set(name, entry);
    return entry;
  }

  find(name: string, version: string): ModelEngine {
    const entry = this.#lookUp(name);
    const wanted = version === "" ? newest(entry.ready.keys()) : version;
    const ready = wanted === undefined ? undefined : entry.ready.get(wanted);
    if (ready) return ready.engine;
    const known = [...entry.ready.keys()].sort(compareVersions);
    if (version !== "" && known.length > 0 && !entry.busy.has(version)) {
      const text = `model "${quote(name)}" has no version "${quote(version)}"; allowed: ${known.join(", ")}, or an empty version`;
      throw new VitrineError("protocol/unknown-model", text);
    }
    throw notReady(this.#whyNotReady(entry));
  }

  #whyNotReady(entry: Entry): string {
    const { ready, wanted } = this.progress();
    const loads = !this.isComplete || [...entry.busy.values()].includes("loading");
    if (loads) return `loading: ${ready} of ${wanted} models are ready; try again later`;
    if (!entry.wanted) return "the model is not loaded; a load call of the repository loads it";
    return "the model has no version that could be loaded: see the repository's index for why";
  }

  #lookUp(name: string): Entry {
    const names = [...this.entries.keys()];
    const entry = this.entries.get(name === "" && names.length === 1 ? names[0] : name);
    if (entry) return entry;
    if (!this.isComplete && names.length === 0) throw notReady("loading: the models are being looked up");
    throw unknownModel(name, names);
  }

  versions(name: string): readonly string[] {
    return [...this.#lookUp(name).ready.keys()].sort(compareVersions);
  }

  index(): readonly ModelStatus[] {
    const names = [...this.entries.keys()].sort();
    return names.flatMap((name) => statusesOf(name, this.entry(name), this.isComplete));
  }

  isReady(name: string, version: string): boolean {
    const entry = this.entries.get(name);
    return entry !== undefined && (version === "" ? entry.ready.size > 0 : entry.ready.has(version));
  }

  progress(): { ready: number; wanted: number } {
    const entries = [...this.entries.values()].filter(({ wanted }) => wanted);
    return { ready: entries.filter(({ ready }) => ready.size > 0).length, wanted: entries.length };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Takes every engine out: from here on nobody finds one. */
  clear(): ModelEngine[] {
    const engines: ModelEngine[] = [];
    for (const { ready } of this.entries.values()) {
      engines.push(...[...ready.values()].map(({ engine }) => engine));
      ready.clear();
    }
    this.changed();
    return engines;
  }
}
