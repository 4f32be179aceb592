// Remote options: the flags of the commands that read data sets at URLs.

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { isRemote, withoutSecrets } from "../runtime/batches/data-path.js";
import { VitrineError } from "../runtime/errors.js";
import { SMALLEST_CACHE } from "../server/data/remote/cache-ledger.js";
import { DEFAULT_READS_PER_WORKER, type RemoteSettings } from "../server/data/remote/contract.js";
import { byteCount, wholeNumber } from "./options.js";

export interface RemoteFlags {
  cache?: string;
  cacheSize: number;
  s3Endpoint?: string;
  remoteReads: number;
}

/** Bytes of the cache by default: a third of ImageNet as its files are. */
const CACHE_BYTES = 50 * 2 ** 30;

function cacheBytes(text: string): number {
  const bytes = byteCount("--cache-size")(text);
  if (bytes >= SMALLEST_CACHE) return bytes;
  throw new VitrineError("usage/number", `--cache-size got "${text}"; allowed: 512MiB or more`, {
    details: { flag: "--cache-size", got: text },
  });
}

/** Flags for data sets at https://, s3:// and gs://, as a group of the help. */
export function addRemoteOptions(command: Command): Command {
  const options = [
    new Option(
      "--cache <folder>",
      "keep what is read from URLs in this folder, which several processes may share",
    ),
    new Option("--cache-size <size>", "largest size of that folder, such as 200GiB")
      .default(CACHE_BYTES, "50GiB")
      .argParser(cacheBytes),
    new Option(
      "--s3-endpoint <url>",
      "S3-compatible store of s3:// URLs (default: AWS_ENDPOINT_URL, or Amazon's)",
    ),
    new Option("--remote-reads <n>", "samples that each decode thread reads from URLs at a time")
      .default(DEFAULT_READS_PER_WORKER)
      .argParser(wholeNumber("--remote-reads", { min: 1, max: 256 })),
  ];
  for (const option of options) command.addOption(option.helpGroup("Data at URLs:"));
  return command;
}

export function remoteSettings({ cache, cacheSize, s3Endpoint, remoteReads }: RemoteFlags): RemoteSettings {
  return {
    ...(cache !== undefined && { cache: { folder: resolve(cache), bytes: cacheSize } }),
    ...(s3Endpoint !== undefined && { s3Endpoint }),
    readsPerWorker: remoteReads,
  };
}

/** What a run's configuration records of them: what was given, and the cache's size beside its folder. */
export function recordedRemoteFlags({ cache, cacheSize, s3Endpoint, remoteReads }: RemoteFlags) {
  return {
    ...(cache !== undefined && { cache: resolve(cache), "cache-size": cacheSize }),
    ...(s3Endpoint !== undefined && { "s3-endpoint": s3Endpoint }),
    ...(remoteReads !== DEFAULT_READS_PER_WORKER && { "remote-reads": remoteReads }),
  };
}

/** A path made absolute, or a URL as it can be written down: without password and query. */
export function recordedPath(path: string): string {
  return isRemote(path) ? withoutSecrets(path) : resolve(path);
}
