// Kustomization: the objects that `kubectl kustomize FOLDER` prints, of the features that deploy/ uses: resources, other
// kustomizations, JSON patches, and images.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { KubernetesObject } from "./kubernetes-api.js";

interface Kustomization {
  apiVersion: string;
  kind: string;
  resources: string[];
  patches?: { path: string; target: { kind: string; name: string } }[];
  images?: { name: string; newName?: string; newTag?: string }[];
}

interface Operation {
  op: "add" | "remove" | "replace";
  path: string;
  value?: unknown;
}

/** The part of JSON Patch (RFC 6902) that the patches use. Throws where a path leads nowhere. */
function applyPatch(object: KubernetesObject, operations: readonly Operation[]): void {
  for (const { op, path, value } of operations) {
    const names = path
      .split("/")
      .slice(1)
      .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
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

function setImages(object: KubernetesObject, images: NonNullable<Kustomization["images"]>): void {
  for (const container of object.spec?.template?.spec?.containers ?? []) {
    const at = container.image.lastIndexOf(":");
    const [name, tag] =
      at < 0 ? [container.image] : [container.image.slice(0, at), container.image.slice(at + 1)];
    const image = images.find((each) => each.name === name);
    if (!image) continue;
    const newTag = image.newTag ?? tag;
    container.image = `${image.newName ?? name}${newTag === undefined ? "" : `:${newTag}`}`;
  }
}

/** Objects in order. Throws where a patch has no target. */
export function kustomize(folder: string): KubernetesObject[] {
  const read = (path: string) => parse(readFileSync(join(folder, path), "utf8"));
  const { resources, patches = [], images = [] }: Kustomization = read("kustomization.yaml");
  const objects = resources.flatMap((path) =>
    statSync(join(folder, path)).isDirectory() ? kustomize(join(folder, path)) : [read(path)],
  );
  for (const { path, target } of patches) {
    const found = objects.find(({ kind, metadata }) => kind === target.kind && metadata.name === target.name);
    if (!found) throw new Error(`${path}: no ${target.kind} ${target.name}`);
    applyPatch(found, read(path));
  }
  for (const object of objects) setImages(object, images);
  return objects;
}
