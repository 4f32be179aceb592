// Bucket folders: objects of a bucket as class folders, PREFIX/CLASS/…/PICTURE: what readClassFolders is for a drive. What
// a file is, its name says: unlike on a drive, one without an ending is not opened.

import { byCodePoint } from "../../../runtime/batches/code-point-order.js";
import { displayUrl } from "../../../runtime/batches/data-path.js";
import { noImages } from "../class-folders.js";
import type { Listing } from "../dataset.js";
import { PICTURE_NAME } from "../file-names.js";
import { OtherFiles } from "../other-files.js";
import { TableBuilder } from "../sample-table.js";
import type { ListedObject } from "./object-store.js";

/**
 * `root`: the URL of the folder, with a slash at its end; `objects`: all below it but hidden ones. Throws `data/no-class-folders`,
 * `data/no-images`.
 */
export function readBucketFolders(root: string, objects: readonly ListedObject[]): Listing {
  const others = new OtherFiles();
  const folders = new Map<string, ListedObject[]>();
  let pictures = 0;
  for (const object of objects) {
    const name = object.url.slice(root.length);
    const parts = name.split("/");
    if (name === "") continue;
    const [folder] = parts;
    const file = parts[parts.length - 1];
    if (parts.length === 1) {
      others.addKind("outside the class folders");
      continue;
    }
    // Programs that show buckets as folders make an empty object "cat/".
    const images = folders.get(folder) ?? [];
    folders.set(folder, images);
    if (file === "") continue;
    if (PICTURE_NAME.test(file)) {
      images.push(object);
      pictures++;
    } else others.add(file);
  }
  const classes = [...folders.keys()].sort(byCodePoint);
  if (pictures === 0) throw noImages(displayUrl(root), classes, others, "");
  const table = new TableBuilder();
  const labels = new Int32Array(new SharedArrayBuffer(4 * pictures));
  classes.forEach((folder, label) => {
    const images = (folders.get(folder) as ListedObject[]).sort((a, b) => byCodePoint(a.url, b.url));
    labels.fill(label, table.count, table.count + images.length);
    for (const { url, bytes, modifiedMs = Number.NaN } of images)
      table.add(url.slice(root.length), bytes, modifiedMs);
  });
  const otherFiles = others.total;
  return {
    root,
    table: table.finish(),
    labels,
    classes,
    otherFiles,
    otherKinds: others.describe(),
    leftOut: "",
  };
}
