// Model folder: a repository on disk whose versions are tiny files, and engines that say which version they are.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VitrineError } from "../../runtime/errors.js";
import { writeSafetensors } from "../../runtime/weights/safetensors.js";
import type { InferenceAnswer, ModelEngine } from "../../server/inference/contract.js";
import type { VersionToLoad } from "../../server/inference/repository/live-repository.js";
import type { RequestLife } from "../../server/request-life.js";

/** Of a caller that waits as long as it takes. */
export const PATIENT: RequestLife = {
  deadline: Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
};

/** A safetensors file of `count` float32 values. */
export function weightsFile(count = 4): Uint8Array {
  const data = new Float32Array(count).fill(0.5);
  return writeSafetensors(
    new Map([["w", { dtype: "F32", shape: [count], data: new Uint8Array(data.buffer) }]]),
  );
}

export interface RepositoryFolder {
  path: string;
  /** Writes MODEL/VERSION/ whole. */
  add(model: string, version: string, config?: string): string;
  settings(model: string, yaml: string): void;
  remove(...names: string[]): void;
}

export function repositoryFolder(): RepositoryFolder {
  const path = mkdtempSync(join(tmpdir(), "vitrine-repository-"));
  return {
    path,
    add(model, version, config = "{}") {
      const folder = join(path, model, version);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "config.json"), config);
      writeFileSync(join(folder, "model.safetensors"), weightsFile());
      return folder;
    },
    settings: (model, yaml) => writeFileSync(join(path, model, "vitrine.yaml"), yaml),
    remove: (...names) => rmSync(join(path, ...names), { recursive: true, force: true }),
  };
}

/** What became of the engine of a version. */
export interface FakeEngine extends ModelEngine {
  readonly loadedFrom: VersionToLoad;
  state: "serving" | "drained" | "closed";
}

/** Opens engines that compute nothing; a version whose config.json says `bad` cannot be opened. */
export function fakeOpener(): { open(version: VersionToLoad): Promise<FakeEngine>; opened: FakeEngine[] } {
  const opened: FakeEngine[] = [];
  return {
    opened,
    open: async (version) => {
      const { readFile } = await import("node:fs/promises");
      const config = await readFile(join(version.path, "config.json"), "utf8");
      if (config.includes("bad")) throw new VitrineError("model/config", `${version.path}: bad`);
      const engine: FakeEngine = {
        loadedFrom: version,
        state: "serving",
        facts: { name: version.name, version: version.version } as ModelEngine["facts"],
        infer: async () => {
          if (engine.state !== "serving") throw new VitrineError("network/draining", "gone");
          return { count: 1 } as InferenceAnswer;
        },
        load: () => ({ pendingImages: 0, queueBytes: 0, modelBytes: 0 }),
        drain: async () => {
          engine.state = "drained";
        },
        close: async () => {
          engine.state = "closed";
        },
      };
      opened.push(engine);
      return engine;
    },
  };
}
