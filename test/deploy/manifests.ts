// The files of deploy/data as objects: the manifests by kind, and what they are with TLS.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { KubernetesObject } from "./kubernetes-api.js";

/** Compiled to dist/test/deploy/. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, "deploy/data");

export const readText = (path: string): string => readFileSync(join(folder, path), "utf8");
const readYaml = (path: string): KubernetesObject => parse(readText(path));

/** Kind → object. */
export type Manifests = Readonly<Record<string, KubernetesObject>>;

interface Kustomization {
  resources: string[];
  patches?: { path: string; target: { kind: string; name: string } }[];
}

export function readManifests(): Manifests {
  const { resources } = readYaml("kubernetes/kustomization.yaml") as Kustomization;
  return Object.fromEntries(
    resources.map((file) => {
      const object = readYaml(`kubernetes/${file}`);
      return [object.kind, object];
    }),
  );
}

interface Operation {
  op: "add" | "remove" | "replace";
  path: string;
  value?: unknown;
}

/** The part of JSON Patch (RFC 6902) that the patches use. Throws where a path leads nowhere. */
function applyPatch(object: KubernetesObject, operations: readonly Operation[]): void {
  for (const { op, path, value } of operations) {
    const names = path.split("/").slice(1);
    const last = names.pop() as string;
    const parent = names.reduce((at, name) => at[name], object);
    const exists = last in parent;
    if (op !== "add" && !exists) throw new Error(`${op} ${path}: it is not there`);
    if (op === "remove") delete parent[last];
    else if (last === "-") parent.push(value);
    else if (op === "add" && exists) throw new Error(`add ${path}: it is there already`);
    else parent[last] = value;
  }
}

/** What `kubectl kustomize deploy/data/tls` prints. */
export function readTlsManifests(): Manifests {
  const { patches = [] } = readYaml("tls/kustomization.yaml") as Kustomization;
  const manifests = readManifests();
  for (const { path, target } of patches) {
    const object = manifests[target.kind];
    if (object?.metadata.name !== target.name) throw new Error(`${path}: no ${target.kind} ${target.name}`);
    applyPatch(object, readYaml(`tls/${path}`));
  }
  return manifests;
}

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
