// Fixed repository: models that stay as they are until the server ends, one version of each.

import { quote, VitrineError } from "../../../runtime/errors.js";
import type { ModelEngine, ModelRepository, ModelStatus } from "../contract.js";

export function fixedRepository(engines: readonly ModelEngine[]): ModelRepository {
  const byName = new Map(engines.map((engine) => [engine.facts.name, engine]));
  const names = [...byName.keys()];
  const lookUp = (name: string): ModelEngine => {
    const only = names.length === 1 ? names[0] : undefined;
    const engine = byName.get(name === "" && only !== undefined ? only : name);
    if (engine) return engine;
    const known = names.map((known) => `"${known}"`).join(", ");
    throw new VitrineError(
      "protocol/unknown-model",
      `no model "${quote(name)}"; models of this server: ${known}`,
    );
  };
  const find = (name: string, version: string): ModelEngine => {
    const engine = lookUp(name);
    const { facts } = engine;
    if (version === "" || version === facts.version) return engine;
    const known = `allowed: ${facts.version}, or an empty version`;
    const text = `model "${facts.name}" has no version "${quote(version)}"; ${known}`;
    throw new VitrineError("protocol/unknown-model", text);
  };
  const fixed = (): never => {
    throw new VitrineError("protocol/model-control", "the models of this server are fixed while it runs");
  };
  return {
    find,
    versions: (name) => [lookUp(name).facts.version],
    index: () =>
      engines.map(({ facts }): ModelStatus => {
        return { name: facts.name, version: facts.version, state: "ready", reason: "" };
      }),
    isReady: (name, version) => {
      const engine = byName.get(name);
      return engine !== undefined && (version === "" || version === engine.facts.version);
    },
    load: async () => fixed(),
    unload: async () => fixed(),
    onChange: () => () => {},
  };
}
