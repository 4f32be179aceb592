// Data path: where a data set is, as users write it, a path or a URL. What messages and records show of a URL has neither a
// password nor a query, which in a presigned URL is a secret.

import { quote } from "../errors.js";

const REMOTE = /^(?:s3|gs|https?):\/\//i;

/** Whether a path that a user gave is a URL of an object store or a web server. */
export function isRemote(path: string): boolean {
  return REMOTE.test(path);
}

/** A URL without password, query and fragment. */
export function withoutSecrets(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/?#]*@/, "$1").replace(/[?#].*$/s, "");
}

/** A URL as messages show it. */
export function displayUrl(url: string): string {
  return quote(withoutSecrets(url));
}

/** A path or URL of a data set as messages show it. */
export function displayPath(path: string): string {
  return isRemote(path) ? displayUrl(path) : quote(path);
}
