// Tar files for tests, from names and contents.

import { paddingAfter, TAR_END, tarHeader } from "../../server/data/shards/tar-writer.js";

export type TarContent = readonly [name: string | Uint8Array, content: string | Uint8Array];

export function tarFile(entries: readonly TarContent[]): Buffer {
  const parts = entries.flatMap(([name, content]) => {
    const bytes = Buffer.from(content as string);
    return [tarHeader(Buffer.from(name as string), bytes.length), bytes, paddingAfter(bytes.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}
