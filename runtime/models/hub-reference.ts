// Hub reference: a model of the Hugging Face Hub as the command line names it, hf:OWNER/NAME[@REVISION] or
// timm:NAME[.TAG][@REVISION].

import { quote, VitrineError } from "../errors.js";
import { FAMILIES, similarNames } from "./families.js";

/** A repository of models, and the state of it. */
export interface HubReference {
  /** As the user wrote it, for messages. */
  text: string;
  owner: string;
  name: string;
  /** Branch, tag or commit; `main` unless the reference says otherwise. */
  revision: string;
}

const SCHEME = /^(hf|timm):/;

/** Whether a model is named by reference, not by a path. */
export function isHubReference(text: string): boolean {
  return SCHEME.test(text);
}

/** Owner, name and revision become folders of the cache: none of them is `.`, `..` or starts with a dot. */
const PART = /^[A-Za-z0-9_][\w.-]{0,95}$/;
const REVISION = /^[A-Za-z0-9_][\w.-]{0,127}(\/[A-Za-z0-9_][\w.-]{0,127}){0,7}$/;

function refuse(text: string, why: string): VitrineError {
  const allowed = "allowed: hf:OWNER/NAME, timm:NAME, each with @REVISION at its end or without";
  const message = `"${quote(text)}": ${why}; ${allowed}`;
  return new VitrineError("hub/reference", message, { details: { reference: quote(text) } });
}

/** Architecture → tag of the weights that `timm:NAME` means; the first pattern that matches. */
const DEFAULT_TAGS: readonly [architecture: RegExp, tag: string][] = [
  [/^deit3?_/, "fb_in1k"],
  [/^vit_base_patch(8|16)_224$/, "augreg2_in21k_ft_in1k"],
  [/^vit_/, "augreg_in21k_ft_in1k"],
  // DeiT's teacher.
  [/^regnety_160$/, "deit_in1k"],
  [/^regnety_/, "pycls_in1k"],
];

/** Names of the repositories that `timm:NAME` without a tag stands for, by NAME. */
export function timmRepositories(): ReadonlyMap<string, string> {
  const names = FAMILIES.flatMap(({ publishedNames }) => publishedNames);
  return new Map(
    names.flatMap((name) => {
      const tag = DEFAULT_TAGS.find(([architecture]) => architecture.test(name))?.[1];
      return tag === undefined ? [] : [[name, `${name}.${tag}`]];
    }),
  );
}

function timmName(name: string, text: string): string {
  if (name.includes(".")) return name;
  const known = timmRepositories();
  const repository = known.get(name);
  if (repository !== undefined) return repository;
  const similar = similarNames(name, [...known.keys()]).join(", ");
  throw refuse(
    text,
    `no published weights are known as ${quote(name)} without a tag (timm:NAME.TAG); known are names such as ${similar}; ` +
      '"vitrine models" lists all',
  );
}

/** Throws `hub/reference`. */
export function parseHubReference(text: string): HubReference {
  const scheme = SCHEME.exec(text)?.[1];
  if (scheme === undefined) throw refuse(text, "not a model of the Hub");
  const body = text.slice(scheme.length + 1);
  const at = body.indexOf("@");
  const path = at < 0 ? body : body.slice(0, at);
  const revision = at < 0 ? "main" : body.slice(at + 1);
  const parts = scheme === "timm" ? ["timm", path] : path.split("/");
  const [owner = "", name = ""] = parts;
  if (parts.length !== 2 || !PART.test(owner) || !PART.test(name))
    throw refuse(text, scheme === "timm" ? "not a name of timm" : "not a repository of the form OWNER/NAME");
  if (!REVISION.test(revision)) throw refuse(text, `"${quote(revision)}" is not a branch, tag or commit`);
  return { text, owner, name: scheme === "timm" ? timmName(name, text) : name, revision };
}
