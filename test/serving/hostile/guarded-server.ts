// Guarded server: files and flags of an inference server that tells its attacker and its other clients apart by their
// tokens, and has a model that may be unloaded.

import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Of the attacker, who may also load and unload. */
export const ATTACKER_TOKEN = "the-token-of-the-attacker";
export const VICTIM_TOKEN = "the-token-of-another-client";
export const SPARE_MODEL = "spare";

/** Writes into `folder`; `model` is copied as the spare one. Returns the flags. */
export function guardedFlags(folder: string, model: string): string[] {
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, `${text}\n`);
    return path;
  };
  const repository = join(folder, "repository");
  mkdirSync(join(repository, SPARE_MODEL), { recursive: true });
  cpSync(model, join(repository, SPARE_MODEL, "1"), { recursive: true });
  return [
    ...["--model-repository", repository, "--model-control", "explicit", "--load-model", SPARE_MODEL],
    ...["--token-file", file("tokens", VICTIM_TOKEN), "--admin-token-file", file("admins", ATTACKER_TOKEN)],
  ];
}
