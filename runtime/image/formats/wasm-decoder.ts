// WASM decoder: a decoder of jSquash (libwebp, libavif) that the build copies to dist/wasm/, in memory of its own. It is
// loaded on first use, and replaced after a trap and after a picture that left it large.

import type { Host } from "../../host/host.js";
import { pictureError } from "../failure.js";

/** RGBA pixels, not premultiplied. */
interface RgbaPixels {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

interface Instance {
  decode(file: Uint8Array, ...settings: readonly number[]): RgbaPixels | null;
}

type Factory = (options: object) => Promise<Instance>;

interface Loaded {
  factory: Factory;
  compiled: WebAssembly.Module;
}

/** Memory larger than this is not kept after a picture. */
const KEEP_BYTES = 64 << 20;

/** RGB of a file's picture. Throws `image/corrupt`, and `file/not-found` where the decoder is not built. */
export type WasmDecoder = (
  host: Host,
  file: Uint8Array,
  name: string | undefined,
) => Promise<{ width: number; height: number; data: Uint8Array }>;

async function fetchDecoder(host: Host, script: string): Promise<Loaded> {
  const [bytes, exports] = await Promise.all([
    host.readAsset(`wasm/${script}.wasm.gz`),
    host.importAsset(`wasm/${script}.js`),
  ]);
  const compiled = await WebAssembly.compile(await expand(bytes));
  return { factory: exports.default as Factory, compiled };
}

/** Some servers send the file with `Content-Encoding: gzip`, so that it arrives expanded. */
async function expand(bytes: Uint8Array<ArrayBuffer>): Promise<BufferSource> {
  if (bytes[0] !== 0x1f) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

interface Held extends Instance {
  memoryBytes(): number;
}

async function instantiate({ factory, compiled }: Loaded): Promise<Held> {
  let memory: WebAssembly.Memory | undefined;
  const instantiateWasm = (imports: WebAssembly.Imports, done: (made: WebAssembly.Instance) => void) => {
    const made = new WebAssembly.Instance(compiled, imports);
    memory = Object.values(made.exports).find((item) => item instanceof WebAssembly.Memory);
    done(made);
    return made.exports;
  };
  const silent = () => {};
  const made = await factory({ noInitialRun: true, instantiateWasm, print: silent, printErr: silent });
  const memoryBytes = () => memory?.buffer.byteLength ?? Number.POSITIVE_INFINITY;
  return { decode: (file, ...settings) => made.decode(file, ...settings), memoryBytes };
}

function dropOpacity({ width, height, data: rgba }: RgbaPixels): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return data;
}

/** `script`: name of the files in dist/wasm/, without their endings. `settings`: what `decode` takes besides the file. */
export function createWasmDecoder(format: string, script: string, settings: readonly number[]): WasmDecoder {
  let loaded: Promise<Loaded> | undefined;
  /** An instance that no call uses. */
  let idle: Held | undefined;

  async function takeInstance(host: Host): Promise<Held> {
    const held = idle;
    idle = undefined;
    if (held) return held;
    loaded ??= fetchDecoder(host, script);
    try {
      return await instantiate(await loaded);
    } catch (error) {
      loaded = undefined;
      throw error;
    }
  }

  return async (host, file, name) => {
    const held = await takeInstance(host);
    let decoded: RgbaPixels | null;
    try {
      decoded = held.decode(file, ...settings);
    } catch (cause) {
      // An instance that trapped or threw is in no known state.
      throw pictureError(
        "image/corrupt",
        name,
        `${format} file damaged: its decoder fails on the data`,
        cause,
      );
    }
    if (held.memoryBytes() <= KEEP_BYTES) idle = held;
    if (!decoded)
      throw pictureError("image/corrupt", name, `${format} file damaged: its decoder refuses the data`);
    const { width, height } = decoded;
    return { width, height, data: dropOpacity(decoded) };
  };
}
