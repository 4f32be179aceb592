// The files of deploy/data as objects: the manifests by kind, and what they are with TLS.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KubernetesObject } from "./kubernetes-api.js";
import { kustomize } from "./kustomization.js";

/** Compiled to dist/test/deploy/. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, "deploy/data");

export const readText = (path: string): string => readFileSync(join(folder, path), "utf8");

/** Kind → object. */
export type Manifests = Readonly<Record<string, KubernetesObject>>;

const byKind = (objects: readonly KubernetesObject[]): Manifests =>
  Object.fromEntries(objects.map((object) => [object.kind, object]));

export const readManifests = (): Manifests => byKind(kustomize(join(folder, "kubernetes")));

/** What `kubectl kustomize deploy/data/tls` prints. */
export const readTlsManifests = (): Manifests => byKind(kustomize(join(folder, "tls")));

/** Flag → value of the first container's arguments, which begin with the command. */
export function flagsOf({ spec }: KubernetesObject): Map<string, string> {
  const args: string[] = spec.template.spec.containers[0].args;
  return new Map(
    args.slice(1).map((arg) => {
      const at = arg.indexOf("=");
      return [arg.slice(0, at), arg.slice(at + 1)] as const;
    }),
  );
}

const UNITS: Readonly<Record<string, number>> = { Mi: 2 ** 20, Gi: 2 ** 30, MiB: 2 ** 20, GiB: 2 ** 30 };

/** "8Gi" and "4GiB" in bytes. */
export function bytesOf(quantity: string): number {
  const [, number, unit] = /^(\d+)([A-Za-z]+)$/.exec(quantity) ?? [];
  return Number(number) * (UNITS[unit ?? ""] ?? Number.NaN);
}

export interface Instruction {
  name: string;
  text: string;
}

/** Instructions of the Dockerfile, without comments. */
export function readDockerfile(): Instruction[] {
  const text = readText("Dockerfile").replace(/^\s*#.*$/gm, "");
  return text
    .replace(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [name, ...words] = line.trim().split(/\s+/);
      return { name: name as string, text: words.join(" ") };
    });
}
