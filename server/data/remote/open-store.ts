// Opens the store of a URL: one for web servers and one for buckets, each made when it is first asked for.

import type { StoreSettings } from "./contract.js";
import type { ObjectStore } from "./object-store.js";
import { parseRemote } from "./remote-url.js";
import { createS3Store } from "./s3-store.js";
import { createWebStore } from "./web-store.js";

/** A store for URLs of every kind. */
export function openStore(settings: StoreSettings = {}): ObjectStore {
  let web: ObjectStore | undefined;
  let buckets: ObjectStore | undefined;
  const storeOf = (url: string): ObjectStore => {
    if ("url" in parseRemote(url)) {
      web ??= createWebStore(settings);
      return web;
    }
    buckets ??= createS3Store(settings);
    return buckets;
  };
  return {
    version: async (url, signal) => storeOf(url).version(url, signal),
    list: (prefix, signal) => storeOf(prefix).list(prefix, signal),
    read: async (url, range, version, signal) => storeOf(url).read(url, range, version, signal),
    readWhole: async (url, most, signal) => storeOf(url).readWhole(url, most, signal),
  };
}
