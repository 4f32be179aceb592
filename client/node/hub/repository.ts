// Hub repository: what the Hub knows of a repository at a revision: its commit, its files, and each file's size and
// checksum.

import { quote } from "../../../runtime/errors.js";
import type { HubReference } from "../../../runtime/models/hub-reference.js";
import { blobName, COMMIT } from "./cache.js";
import type { RemoteFile } from "./download.js";
import { bodyOf, request, type Subject, unexpected } from "./http.js";
import { retried } from "./retry.js";
import type { HubSettings } from "./settings.js";

export interface RemoteRepository {
  commit: string;
  /** Names of all files; only those that are known here are ever used. */
  files: ReadonlySet<string>;
}

function subjectOf({ text }: HubReference): Subject {
  return { reference: text };
}

function parse(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/**
 * The commit and the files of a revision. Throws `hub/not-found`, `hub/unauthorized`, `hub/answer` and
 * `hub/unreachable`.
 */
export async function remoteRepository(
  reference: HubReference,
  settings: HubSettings,
): Promise<RemoteRepository> {
  const { owner, name, revision } = reference;
  const subject = subjectOf(reference);
  const url = `${settings.endpoint}/api/models/${owner}/${name}/revision/${encodeURIComponent(revision)}`;
  const read = async () => bodyOf(await request(url, subject, settings), subject, settings);
  const answer = parse(await retried(subject, settings, read));
  const { sha, siblings } = answer ?? {};
  if (typeof sha !== "string" || !COMMIT.test(sha) || !Array.isArray(siblings))
    throw unexpected(subject, settings, "no JSON with the commit and files of a model");
  const names = siblings.map((entry) => (entry as { rfilename?: unknown } | null)?.rfilename);
  return { commit: sha, files: new Set(names.filter((file) => typeof file === "string")) };
}

/** Size and checksum of a file, from the answer that has the content or redirects to it. */
export async function remoteFile(
  reference: HubReference,
  commit: string,
  file: string,
  settings: HubSettings,
): Promise<RemoteFile> {
  const { owner, name } = reference;
  const subject = { ...subjectOf(reference), file };
  const url = `${settings.endpoint}/${owner}/${name}/resolve/${commit}/${encodeURIComponent(file)}`;
  const { headers } = await retried(subject, settings, async () => {
    const { response, abort } = await request(url, subject, settings, {
      method: "HEAD",
      followOthers: false,
    });
    abort();
    return response;
  });
  const found = headers.get("x-repo-commit");
  if (found !== null && found !== commit)
    throw unexpected(subject, settings, `commit "${quote(found)}" instead of ${commit}`);
  const etag = blobName(headers.get("x-linked-etag") ?? headers.get("etag"));
  const bytes = Number(headers.get("x-linked-size") ?? headers.get("content-length") ?? Number.NaN);
  if (etag === null) throw unexpected(subject, settings, "no ETag");
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw unexpected(subject, settings, "no size");
  return { subject, url, etag, bytes };
}
