// Live repository: the models of a server by name and version, from loading to unloading. A version is loaded and warmed
// beside the one that serves; requests go to it from one moment to the next, and the old one finishes what it has. A
// version that cannot be loaded is reported, and what served before still does.

import { setTimeout as delay } from "node:timers/promises";
import { isVitrineError, VitrineError } from "../../../runtime/errors.js";
import type { RequestLife } from "../../request-life.js";
import type { ModelEngine, ModelRepository, ModelStatus } from "../contract.js";
import { ModelCatalog } from "./model-catalog.js";
import { type Entry, failureOf, newest, textOf, unknownModel } from "./model-entry.js";
import type { FoundModel, FoundVersion, ModelOrigin } from "./model-origin.js";
import type { ModelSettings } from "./model-settings.js";
import { OrderQueue } from "./order-queue.js";
import { Retirement } from "./retirement.js";

/** When models are loaded and unloaded after the start, besides `refresh()`. */
export type ModelControl = "none" | "poll" | "explicit";

/** A version that is to be loaded. */
export interface VersionToLoad extends FoundVersion {
  name: string;
  settings: ModelSettings;
}

export interface RepositoryOptions {
  origin: ModelOrigin;
  /** Loads and warms a version; `close()` of the engine frees all that it took. */
  open(version: VersionToLoad): Promise<ModelEngine>;
  control: ModelControl;
  /** Milliseconds between two looks at the folders. Default 15,000. */
  pollMs?: number;
  /** With `explicit`, the models that are loaded at the start; others are loaded on request. */
  initial?: readonly string[];
  /** Is passed a line about each model that was loaded, unloaded or refused. */
  say?: (text: string, level: "info" | "warn") => void;
  /** Milliseconds that requests of a replaced version get. Default 60,000. */
  retireMs?: number;
}

/** `unreadable`: the models could not be looked at. */
export type RefreshOutcome = "changed" | "unchanged" | "unreadable";

/** A repository whose models change while it serves. */
export interface LiveRepository extends ModelRepository {
  /** Loads the models; resolves when each has been tried, with the errors by name. Throws what `origin` throws. */
  start(): Promise<ReadonlyMap<string, unknown>>;
  /**
   * Loads what changed since, and unloads what is gone. Never throws: what fails is said and kept in `index()`. Calls
   * that wait for their turn together are one.
   */
  refresh(): Promise<RefreshOutcome>;
  /** Models with a version that is ready, and all that should have one. */
  progress(): { ready: number; wanted: number };
  /** Nothing is loaded or unloaded any more; what serves still does. */
  settle(): void;
  /** Frees every model. */
  close(): Promise<void>;
}

const POLL_MS = 15_000;

const CLOSE_MS = 5_000;

const isIncomplete = (error: unknown): boolean => isVitrineError(error) && error.code === "model/incomplete";

class Repository implements LiveRepository {
  readonly #options: RepositoryOptions;
  readonly #catalog: ModelCatalog;
  readonly #retirement: Retirement;
  readonly #orders = new OrderQueue();
  /** One that has not begun. */
  #refreshing: Promise<RefreshOutcome> | undefined;
  /** Counts versions that were loaded, refused or retired, and models that were removed. */
  #changes = 0;
  #closed = false;
  #poll: NodeJS.Timeout | undefined;
  /** Said last about the origin, so that a poll does not repeat it. */
  #fault = "";

  constructor(options: RepositoryOptions) {
    const { control, initial = [] } = options;
    this.#options = options;
    this.#catalog = new ModelCatalog((name) => control !== "explicit" || initial.includes(name));
    this.#retirement = new Retirement(options.retireMs, (text, level) => this.#say(text, level));
  }

  #say(text: string, level: "info" | "warn" = "info"): void {
    this.#options.say?.(text, level);
  }

  async start(): Promise<ReadonlyMap<string, unknown>> {
    await this.#orders.run(async () => {
      const models = await this.#options.origin.list();
      for (const name of this.#options.initial ?? [])
        if (!models.some((model) => model.name === name)) throw unknownModel(name, this.#names(models));
      for (const { name } of models) this.#catalog.entry(name);
      this.#catalog.changed();
      for (const model of models) if (this.#catalog.entry(model.name).wanted) await this.#sync(model, false);
    });
    this.#catalog.isComplete = true;
    this.#catalog.changed();
    if (this.#options.control === "poll") this.#schedulePoll();
    const missing = [...this.#catalog.entries].filter(([, { ready, wanted }]) => wanted && ready.size === 0);
    return new Map(missing.map(([name, entry]) => [name, failureOf(name, entry)]));
  }

  #schedulePoll(): void {
    if (this.#closed) return;
    clearTimeout(this.#poll);
    const next = () => void this.refresh().then(() => this.#schedulePoll());
    this.#poll = setTimeout(next, this.#options.pollMs ?? POLL_MS);
    this.#poll.unref();
  }

  refresh(): Promise<RefreshOutcome> {
    this.#refreshing ??= this.#orders.run(() => {
      this.#refreshing = undefined;
      return this.#refresh();
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<RefreshOutcome> {
    if (this.#closed) return "unchanged";
    const before = this.#changes;
    let models: FoundModel[];
    try {
      models = await this.#options.origin.list();
      this.#fault = "";
    } catch (error) {
      const fault = `the models are not looked at: ${textOf(error)}; those that were loaded are still served`;
      if (fault !== this.#fault) this.#say(fault, "warn");
      this.#fault = fault;
      return "unreadable";
    }
    for (const model of models) if (this.#catalog.entry(model.name).wanted) await this.#sync(model, false);
    for (const name of [...this.#catalog.entries.keys()]) {
      if (models.some((model) => model.name === name)) continue;
      await this.#unloadAll(name, "its files are gone");
      this.#catalog.entries.delete(name);
      this.#changes++;
    }
    this.#catalog.changed();
    return this.#changes === before ? "unchanged" : "changed";
  }

  /** Brings what is served to what the files have. `retry`: a version that was refused is tried again. */
  async #sync(model: FoundModel, retry: boolean): Promise<void> {
    const entry = this.#catalog.entry(model.name);
    const { versions: policy } = model.settings;
    const newestFirst = [...model.versions].reverse();
    const isChosen = ({ version }: FoundVersion): boolean =>
      policy.kind !== "specific" || policy.versions.includes(version);
    const wanted = policy.kind === "latest" ? policy.count : newestFirst.length;
    const kept = new Set<string>();
    let failed = false;
    if (entry.fault !== (model.fault ?? "") && model.fault !== null) this.#say(model.fault, "warn");
    entry.fault = model.fault ?? "";
    for (const found of newestFirst.filter(isChosen)) {
      if (kept.size >= wanted || this.#closed) break;
      if (await this.#load(entry, model, found, retry)) kept.add(found.version);
      else failed = true;
    }
    if (model.fault !== null && model.versions.length === 0) failed = true;
    for (const version of [...entry.refused.keys()])
      if (!model.versions.some((found) => found.version === version)) entry.refused.delete(version);
    // What served goes only when everything that should replace it is there.
    const surplus = [...entry.ready.keys()].filter((version) => !kept.has(version));
    const isReplaced = policy.kind === "latest" ? kept.size >= wanted : kept.size > 0;
    if (isReplaced || !failed) for (const version of surplus) this.#retire(entry, model.name, version);
    this.#catalog.changed();
  }

  /** Whether the version is ready, now or since before. */
  async #load(entry: Entry, model: FoundModel, found: FoundVersion, retry: boolean): Promise<boolean> {
    const { name, settings } = model;
    const { version } = found;
    const stamp = `${found.stamp}\n${JSON.stringify(settings)}`;
    const serving = entry.ready.get(version);
    if (serving?.stamp === stamp) return true;
    const subject = `model ${name}, version ${version}`;
    const before = entry.refused.get(version);
    if (before?.stamp === stamp && !retry) return serving !== undefined;
    try {
      if (found.missing !== null) throw new VitrineError("model/incomplete", found.missing);
      entry.busy.set(version, "loading");
      this.#catalog.changed();
      const started = performance.now();
      const engine = await this.#options.open({ ...found, name, settings });
      if (this.#closed) {
        await engine.close();
        return false;
      }
      this.#changes++;
      entry.ready.set(version, { engine, stamp });
      entry.refused.delete(version);
      if (serving) this.#retirement.retire(serving.engine, subject);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      this.#say(`${subject}: ${serving ? "loaded again" : "loaded"} in ${seconds} s`);
      return true;
    } catch (error) {
      this.#changes++;
      entry.refused.set(version, { stamp, error });
      const still =
        entry.ready.size > 0 ? `; version ${[...entry.ready.keys()].join(", ")} still serves` : "";
      // A folder that is being written changes with every look.
      const isNews = !(isIncomplete(error) && isIncomplete(before?.error));
      if (isNews) this.#say(`${subject} is not served: ${textOf(error)}${still}`, "warn");
      return serving !== undefined;
    } finally {
      entry.busy.delete(version);
      this.#catalog.changed();
    }
  }

  /** From here on nobody finds the version; it is freed when its requests have ended. */
  #retire(entry: Entry, name: string, version: string): Promise<void> {
    const ready = entry.ready.get(version);
    if (!ready) return Promise.resolve();
    this.#changes++;
    entry.ready.delete(version);
    entry.busy.set(version, "unloading");
    return this.#retirement.retire(ready.engine, `model ${name}, version ${version}`).then(() => {
      if (entry.busy.get(version) === "unloading") entry.busy.delete(version);
      this.#catalog.changed();
    });
  }

  async #unloadAll(name: string, why: string): Promise<void> {
    const entry = this.#catalog.entry(name);
    const versions = [...entry.ready.keys()];
    entry.refused.clear();
    entry.fault = why;
    const retired = versions.map((version) => this.#retire(entry, name, version));
    this.#catalog.changed();
    await Promise.all(retired);
  }

  #names(models: readonly { name: string }[]): string[] {
    return models.map(({ name }) => name);
  }

  #checkControl(): void {
    if (this.#options.control === "explicit") return;
    throw new VitrineError(
      "protocol/model-control",
      "this server does not load or unload models on request (its operator's flag is --model-control explicit)",
    );
  }

  async load(name: string, life: RequestLife): Promise<void> {
    this.#checkControl();
    await this.#orders.order(async () => {
      const models = await this.#options.origin.list();
      const model = models.find((each) => each.name === name);
      if (!model) throw unknownModel(name, this.#names(models));
      const entry = this.#catalog.entry(name);
      await this.#sync(model, true);
      entry.wanted ||= entry.ready.size > 0;
      const refused = newest(entry.refused.keys());
      if (entry.ready.size === 0 || (refused !== undefined && !entry.ready.has(refused)))
        throw failureOf(name, entry);
    }, life);
  }

  async unload(name: string, life: RequestLife): Promise<void> {
    this.#checkControl();
    await this.#orders.order(async () => {
      const entry = this.#catalog.entries.get(name);
      if (!entry) throw unknownModel(name, [...this.#catalog.entries.keys()]);
      entry.wanted = false;
      await this.#unloadAll(name, "unloaded");
    }, life);
  }

  find = (name: string, version: string): ModelEngine => this.#catalog.find(name, version);
  versions = (name: string): readonly string[] => this.#catalog.versions(name);
  index = (): readonly ModelStatus[] => this.#catalog.index();
  isReady = (name: string, version: string): boolean => this.#catalog.isReady(name, version);
  onChange = (listener: () => void): (() => void) => this.#catalog.onChange(listener);
  progress = (): { ready: number; wanted: number } => this.#catalog.progress();

  settle(): void {
    this.#closed = true;
    this.#orders.close();
    clearTimeout(this.#poll);
  }

  async close(): Promise<void> {
    this.settle();
    await Promise.all(this.#catalog.clear().map((engine) => engine.close()));
    // A model that is being loaded is freed as soon as it is there.
    await Promise.race([this.#orders.idle(), delay(CLOSE_MS, undefined, { ref: false })]);
  }
}

export function createRepository(options: RepositoryOptions): LiveRepository {
  return new Repository(options);
}
