// Repository: the models of a server by name and version, each with the queue in front of it.

import { VitrineError } from "../../runtime/errors.js";
import { isDistilled } from "../../runtime/models/families.js";
import { Batcher } from "./batcher.js";
import { type ServedModel, VERSIONS } from "./served-model.js";

export interface QueueOptions {
  /** Images that run at once. */
  maxBatch: number;
  /** Images that may wait. */
  maxQueue: number;
}

export interface RepositoryEntry {
  model: ServedModel;
  batcher: Batcher;
  maxBatch: number;
}

export interface Repository {
  readonly names: readonly string[];
  /** Name "" is the only model of a server that has one, version "" any. Throws `protocol/unknown-model`. */
  find(name: string, version: string): RepositoryEntry;
}

export function createRepository(models: readonly ServedModel[], queue: QueueOptions): Repository {
  const entries = new Map<string, RepositoryEntry>();
  for (const model of models) {
    const { imageSize, classes } = model.config;
    const batcher = new Batcher({
      ...queue,
      run: (pixels, count) => model.submit(pixels, count),
      imageBytes: imageSize * imageSize * 3,
      classes,
      distilled: isDistilled(model.config),
    });
    entries.set(model.name, { model, batcher, maxBatch: queue.maxBatch });
  }
  const names = [...entries.keys()];
  return {
    names,
    find: (name, version) => {
      const only = names.length === 1 ? names[0] : undefined;
      const entry = entries.get(name === "" && only !== undefined ? only : name);
      if (!entry) {
        const known = names.map((known) => `"${known}"`).join(", ");
        throw new VitrineError("protocol/unknown-model", `no model "${name}"; this server has ${known}`);
      }
      if (version !== "" && !VERSIONS.includes(version)) {
        const text = `model "${name}" has no version "${version}"; allowed: ${VERSIONS.join(", ")}, or none`;
        throw new VitrineError("protocol/unknown-model", text);
      }
      return entry;
    },
  };
}
