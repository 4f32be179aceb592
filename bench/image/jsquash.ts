// @jsquash/jpeg as a peer (mozjpeg compiled to WebAssembly, RGBA out): node jsquash.js LIST

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { peerFolder, requirePeer } from "../peers/packages.js";
import { readList, serve, withoutAlpha } from "./peer.js";

interface Decoder {
  init(module: WebAssembly.Module): Promise<void>;
  default(bytes: ArrayBuffer): Promise<{ data: Uint8ClampedArray }>;
}

// Its C++ side makes an ImageData, which Node does not have.
Object.assign(globalThis, {
  ImageData: class {
    constructor(
      readonly data: Uint8ClampedArray,
      readonly width: number,
      readonly height: number,
    ) {}
  },
});

const { version } = requirePeer<{ version: string }>("@jsquash/jpeg/package.json");
const folder = peerFolder("@jsquash/jpeg/package.json");
const decoder = (await import(pathToFileURL(`${folder}decode.js`).href)) as Decoder;
await decoder.init(new WebAssembly.Module(readFileSync(`${folder}codec/dec/mozjpeg_dec.wasm`)));

await serve(`@jsquash/jpeg ${version}`, readList(process.argv[2] as string), {
  jobs: { decode: ({ bytes }) => decoder.default(bytes.buffer) },
  pixels: async ({ bytes }) => withoutAlpha((await decoder.default(bytes.buffer)).data),
});
