// Hub source: a model of the Hugging Face Hub for a page. One question about its revision gives the commit, the files and
// their checksums; files are then those of the commit, which never change.

import { quote, VitrineError } from "../../runtime/errors.js";
import { downloadSmall } from "../../runtime/host/browser-download.js";
import {
  type HttpModelSource,
  type HttpSourceOptions,
  httpModelSource,
  type SourceFile,
} from "../../runtime/host/browser-source.js";
import { openStore } from "../../runtime/host/browser-store.js";
import { isFields } from "../../runtime/models/config-fields.js";
import { type HubReference, parseHubReference } from "../../runtime/models/hub-reference.js";

const LARGEST_ANSWER = 16 * 2 ** 20;
const COMMIT = /^[0-9a-f]{40}$/;

function refuse(code: "hub/not-found" | "hub/unauthorized" | "hub/answer", reference: string, text: string) {
  return new VitrineError(code, `${quote(reference)}: ${text}`, { details: { reference: quote(reference) } });
}

/** Files with what the Hub says of them; those in Git itself have no SHA-256. */
function readFiles(siblings: readonly unknown[]): Map<string, SourceFile["expected"]> {
  const files = new Map<string, SourceFile["expected"]>();
  for (const sibling of siblings) {
    const { rfilename: name, lfs } = isFields(sibling) ? sibling : {};
    const { sha256, size } = isFields(lfs) ? lfs : {};
    if (typeof name !== "string") continue;
    const isKnown = typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256) && Number.isSafeInteger(size);
    files.set(name, isKnown ? { sha256, bytes: size as number } : undefined);
  }
  return files;
}

interface Revision {
  commit: string;
  files: Map<string, SourceFile["expected"]>;
}

async function readRevision(
  { text, owner, name, revision }: HubReference,
  endpoint: string,
  { cache, signal }: HttpSourceOptions,
): Promise<Revision> {
  const url = `${endpoint}/api/models/${owner}/${name}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const store = cache === false ? undefined : await openStore();
  const asked = { limit: LARGEST_ANSWER, store, signal: signal as AbortSignal | undefined };
  const found = await downloadSmall(url, asked).catch((error: unknown) => {
    const status = error instanceof VitrineError ? error.details.status : undefined;
    if (status !== 401 && status !== 403) throw error;
    throw refuse("hub/unauthorized", text, `${url}: the repository is private, gated, or does not exist`);
  });
  if ("missing" in found) throw refuse("hub/not-found", text, `${url}: ${found.missing}`);
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(found.bytes));
  } catch {
    answer = null;
  }
  const { sha: commit, siblings } = isFields(answer) ? answer : {};
  if (typeof commit !== "string" || !COMMIT.test(commit) || !Array.isArray(siblings))
    throw refuse("hub/answer", text, `${url}: no JSON with the commit and files of a model`);
  return { commit, files: readFiles(siblings) };
}

/**
 * `reference`: hf:OWNER/NAME or timm:NAME, each with @REVISION or without. Throws `hub/reference`, `hub/not-found`,
 * `hub/unauthorized`, `hub/answer` and `network/…`.
 */
export async function hubModelSource(
  reference: string,
  endpoint: string,
  options: HttpSourceOptions,
): Promise<HttpModelSource> {
  const parsed = parseHubReference(reference);
  const { commit, files } = await readRevision(parsed, endpoint, options);
  const folder = `${endpoint}/${parsed.owner}/${parsed.name}/resolve/${commit}/`;
  const locate = (file: string) =>
    files.has(file)
      ? { url: folder + encodeURIComponent(file), immutable: true, expected: files.get(file) }
      : null;
  return httpModelSource(parsed.name, reference, locate, options);
}
