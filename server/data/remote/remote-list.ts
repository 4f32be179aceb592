// Remote list: a list file at a URL, whose paths are relative to it. Sizes and times come from a bucket's own list, or a
// HEAD request for each file.

import { displayUrl } from "../../../runtime/batches/data-path.js";
import { isVitrineError, VitrineError } from "../../../runtime/errors.js";
import type { Listing } from "../dataset.js";
import { type ListSource, readList } from "../list-file.js";
import { decodeList, LARGEST_LIST } from "../list-text.js";
import { mapParallel } from "../parallel.js";
import type { ObjectVersion } from "./contract.js";
import { objectPieces, PIECE_BYTES } from "./object-bytes.js";
import { type ListedObject, type ObjectStore, tooLarge } from "./object-store.js";
import { parseRemote, resolveRemote } from "./remote-url.js";

/** HEAD requests for single files at a time. */
const HEADS = 64;

/** With fewer rows than that, single requests take less than a list of the whole folder may. */
const FEW_ROWS = 200;

/** A folder with this many times the objects that the list has is not listed to its end. */
const MOST_OTHERS = 10;
const FEWEST_LISTED = 100_000;

/** The URL of the folder that a list is in, without its query, with a slash at its end. */
export function folderOf(url: string): string {
  const location = parseRemote(url);
  if ("bucket" in location) return url.slice(0, url.lastIndexOf("/") + 1);
  const folder = new URL(".", location.url.href);
  folder.search = "";
  return folder.href;
}

type Found = Awaited<ReturnType<ListSource["stat"]>>[number];

const asFile = ({ bytes, modifiedMs = Number.NaN }: ObjectVersion): Found => ({
  size: bytes,
  mtimeMs: modifiedMs,
});

/** Asks for each object; what another try may change is an error, a missing or refused file a sentence. */
async function askFor(store: ObjectStore, url: string): Promise<Found> {
  try {
    return asFile(await store.version(url));
  } catch (error) {
    if (!isVitrineError(error) || error.code !== "file/not-found") throw error;
    return "no such file (paths are relative to the list)";
  }
}

/** Objects of a bucket below a folder; null where there are many more than `rows`. */
async function listFolder(
  store: ObjectStore,
  folder: string,
  rows: number,
): Promise<Map<string, ListedObject> | null> {
  const objects = new Map<string, ListedObject>();
  const most = Math.max(FEWEST_LISTED, MOST_OTHERS * rows);
  for await (const object of store.list(folder)) {
    if (objects.size >= most) return null;
    objects.set(object.url, object);
  }
  return objects;
}

/** Throws what `readList` and stores throw. */
export async function readRemoteList(
  url: string,
  version: ObjectVersion,
  store: ObjectStore,
  mayLeaveOut: boolean,
  onFiles: (files: number) => void,
): Promise<Listing> {
  if (version.bytes > LARGEST_LIST) throw tooLarge(url, `${version.bytes} bytes`, LARGEST_LIST);
  const name = displayUrl(url);
  const root = folderOf(url);
  const isBucket = "bucket" in parseRemote(url);
  let listed: Promise<Map<string, ListedObject> | null> | undefined;
  // The rows come piece by piece, and folders that are much larger than the list are not listed.
  const pieces = Math.max(1, Math.ceil(version.bytes / PIECE_BYTES));
  const stat: ListSource["stat"] = async (paths) => {
    const urls = paths.map((path) => placeOf(root, path));
    if (isBucket && paths.length > FEW_ROWS) listed ??= listFolder(store, root, pieces * paths.length);
    const known = await listed;
    return mapParallel(urls, HEADS, async (place): Promise<Found> => {
      if (typeof place !== "string") return place.message;
      const object = known?.get(place);
      return object ? asFile(object) : askFor(store, place);
    });
  };
  const text = decodeList(name, objectPieces(store, url, version));
  return readList({ name, root, text, stat }, mayLeaveOut, onFiles);
}

/** The URL of a row's path, or why it can have none. */
function placeOf(root: string, path: string): string | VitrineError {
  try {
    return resolveRemote(root, path);
  } catch (error) {
    if (error instanceof VitrineError) return error;
    throw error;
  }
}
