// sharp as a peer, one thread, no cache: node sharp.js LIST

import { requirePeer } from "../peers/packages.js";
import { readList, serve } from "./peer.js";

interface Sharp {
  (bytes: Uint8Array): { raw(): { toBuffer(): Promise<Buffer> } };
  concurrency(threads: number): number;
  cache(options: false): unknown;
  versions: Readonly<Record<string, string>>;
}

const sharp = requirePeer<Sharp>("sharp");
sharp.concurrency(1);
sharp.cache(false);
const { versions } = sharp;

const decode = (bytes: Uint8Array) => sharp(bytes).raw().toBuffer();

await serve(
  `sharp ${versions.sharp}, libvips ${versions.vips}, mozjpeg ${versions.mozjpeg}`,
  readList(process.argv[2] as string),
  { jobs: { decode: ({ bytes }) => decode(bytes) }, pixels: ({ bytes }) => decode(bytes) },
);
