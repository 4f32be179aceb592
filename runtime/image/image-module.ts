// Image module: image.wasm or image.relaxed.wasm, compiled once, with private memory, which contains hostile files. A
// trap inside WebAssembly becomes a typed error, and the next call gets a fresh instance.

import { type Region, Status } from "../../assembly/image/contract.js";
import { createDrawMath, type DrawMath } from "../draw/random.js";
import { VitrineError } from "../errors.js";
import type { WasmModule } from "../host/environment-types.js";
import type { Host } from "../host/host.js";
import { failureOf, subjectPrefix } from "./failure.js";
import type { ImageExports } from "./image-exports.js";

/** Must match asconfig.json: pages of 64 KiB. */
const INITIAL_PAGES = 16;
const MAXIMUM_PAGES = 65_536;
const MIB = 1 << 20;

/** Memory limits and the choice of the build. */
export interface ImageModuleOptions {
  /** MiB that one image may take inside the module, including buffers. Default 1,024. */
  memoryLimitMiB?: number;
  /** MiB: after a call that left the memory larger than this, the instance is discarded. Default 256. */
  keepMemoryMiB?: number;
  /** Use the build with relaxed SIMD, which gives the same bytes faster, if the engine supports it. Default true. */
  relaxed?: boolean;
  /**
   * Called in a long call after each MiB or so of pixels, some milliseconds of work. What it throws ends the call, which
   * throws it. Default: nothing.
   */
  onWork?: () => void;
}

/** A compiled image module; every function of `vitrine/image` that touches pixels takes one. Not shared by threads. */
export interface ImageModule {
  /** Generator and elementary functions for draws, on an instance of their own, which no picture can corrupt. */
  readonly math: DrawMath;
  /**
   * Where decoders of rare formats are loaded from on first use.
   *
   * @private Not part of the stable interface.
   */
  readonly host: Host;
  /**
   * Starts a call with an empty arena and runs `body`; a trap in it becomes `image/trap`. Views of the memory are valid
   * until `body` returns. `subject` names the image in errors ("photo.jpg").
   *
   * @private For the functions of `vitrine/image`; not part of the stable interface.
   */
  run<T>(subject: string | undefined, body: (call: ImageCall) => T): T;
  /** Bytes of linear memory currently held. */
  memoryBytes(): number;
}

/**
 * One call of the module in progress: raw exports, copies in and out, and errors with the subject's name. Internal to
 * `vitrine/image`; not part of the stable interface.
 */
export interface ImageCall {
  readonly exports: ImageExports;
  readonly subject: string | undefined;
  /** Reserves a region; throws `image/out-of-memory`. */
  reserve(region: Region, bytes: number): number;
  /** Reserves a region and copies the bytes in. */
  put(region: Region, bytes: Uint8Array): void;
  /** View of a region, valid until memory grows: create it after the call that fills the region. */
  view(region: Region, bytes: number): Uint8Array;
  /** Copy of a region's first bytes, in `into` if given. */
  take(region: Region, bytes: number, into?: Uint8Array): Uint8Array;
  /**
   * Collects the rows that a decode hands over, contiguous in `into` or a new buffer. `bytes` is called for their total
   * when the first arrive. The buffer is `data` of the result afterward.
   */
  receiveRows(bytes: () => number, into?: Uint8Array): { readonly data: Uint8Array };
  /** Throws the typed error of a status other than Ok. */
  check(status: Status): void;
}

function bufferFor(bytes: number, into: Uint8Array | undefined): Uint8Array {
  if (into === undefined) return new Uint8Array(bytes);
  if (into.length >= bytes) return into.subarray(0, bytes);
  throw new VitrineError("image/buffer-too-small", `${bytes} bytes do not fit into ${into.length}`, {
    details: { needed: bytes, given: into.length },
  });
}

class Call implements ImageCall {
  readonly exports: ImageExports;
  readonly subject: string | undefined;
  readonly #instance: Instance;

  constructor(instance: Instance, subject: string | undefined) {
    this.exports = instance.exports;
    this.subject = subject;
    this.#instance = instance;
  }

  reserve(region: Region, bytes: number): number {
    const address = this.exports.reserve(region, bytes) >>> 0;
    if (address === 0) this.check(Status.OutOfMemory);
    return address;
  }

  put(region: Region, bytes: Uint8Array): void {
    this.reserve(region, bytes.length);
    this.view(region, bytes.length).set(bytes);
  }

  view(region: Region, bytes: number): Uint8Array {
    return new Uint8Array(this.#instance.memory.buffer, this.exports.regionStart(region) >>> 0, bytes);
  }

  take(region: Region, bytes: number, into?: Uint8Array): Uint8Array {
    const source = this.view(region, bytes);
    if (into === undefined) return source.slice();
    const target = bufferFor(bytes, into);
    target.set(source);
    return target;
  }

  receiveRows(bytes: () => number, into?: Uint8Array): { readonly data: Uint8Array } {
    const rows: { data: Uint8Array } = { data: new Uint8Array(0) };
    let at = 0;
    this.#instance.receiver = (strip) => {
      if (at === 0) rows.data = bufferFor(bytes(), into);
      rows.data.set(strip, at);
      at += strip.length;
    };
    return rows;
  }

  check(status: Status): void {
    if (status !== Status.Ok) throw failureOf(status, this.exports, this.subject);
  }
}

interface Instance {
  exports: ImageExports;
  memory: WebAssembly.Memory;
  /** Called with each strip of rows that a decode hands over; the strip is valid until it returns. */
  receiver: (strip: Uint8Array) => void;
  /** A call was ended in the middle of its work, by an exception through its frames. */
  isInterrupted: boolean;
}

const ignoreRows = () => {};

function instantiate(compiled: WebAssembly.Module, memoryLimitMiB: number, onWork: () => void): Instance {
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES });
  const takeRows = (address: number, bytes: number) =>
    created.receiver(new Uint8Array(memory.buffer, address >>> 0, bytes));
  const askHost = () => {
    created.isInterrupted = true;
    onWork();
    created.isInterrupted = false;
  };
  const imports = { env: { memory }, strip: { takeRows }, interruption: { askHost } };
  const { exports } = new WebAssembly.Instance(compiled, imports);
  const created: Instance = {
    exports: exports as unknown as ImageExports,
    memory,
    receiver: ignoreRows,
    isInterrupted: false,
  };
  created.exports.setMemoryLimit(memoryLimitMiB * MIB);
  return created;
}

function trapError(cause: unknown, subject: string | undefined): unknown {
  if (!(cause instanceof WebAssembly.RuntimeError) && !(cause instanceof RangeError)) return cause;
  return new VitrineError(
    "image/trap",
    `${subjectPrefix(subject)}the image module trapped (${cause.message}); please report the file`,
    {
      details: { subject },
      cause,
    },
  );
}

/** The bytes of the build to use: with relaxed SIMD if wanted and supported. */
async function readModule(host: Host, wanted: boolean): Promise<Uint8Array<ArrayBuffer>> {
  if (wanted) {
    const bytes = await host.readAsset("wasm/image.relaxed.wasm");
    if (WebAssembly.validate(bytes) || host.enableRelaxedSimd()) return bytes;
  }
  return host.readAsset("wasm/image.wasm");
}

/**
 * Compiles the image module from the host's assets (`nodeHost()` or `browserHost(address)` of `vitrine/runtime`).
 * Throws `file/not-found` if the WebAssembly files are missing.
 */
export async function createImageModule(host: Host, options: ImageModuleOptions = {}): Promise<ImageModule> {
  return openImageModule(host, await compileImageModule(host, options), options);
}

/** The build that `createImageModule` takes, compiled: threads can share it by message. Throws `file/not-found`. */
export async function compileImageModule(
  host: Host,
  { relaxed = true }: ImageModuleOptions = {},
): Promise<WasmModule> {
  return WebAssembly.compile(await readModule(host, relaxed));
}

/** As `createImageModule`, of what `compileImageModule` gave, in this thread or another. */
export function openImageModule(
  host: Host,
  compiled: WasmModule,
  options: ImageModuleOptions = {},
): ImageModule {
  const memoryLimitMiB = Math.min(options.memoryLimitMiB ?? 1024, 4095);
  const keepBytes = (options.keepMemoryMiB ?? 256) * MIB;
  const create = () => instantiate(compiled, memoryLimitMiB, options.onWork ?? (() => {}));
  let held: Instance | null = create();

  return {
    host,
    math: createDrawMath(compiled),
    run(subject, body) {
      held ??= create();
      const instance = held;
      try {
        instance.exports.resetArena();
        return body(new Call(instance, subject));
      } catch (cause) {
        const error = trapError(cause, subject);
        if (error !== cause || instance.isInterrupted) held = null;
        throw error;
      } finally {
        instance.receiver = ignoreRows;
        if (instance.memory.buffer.byteLength > keepBytes) held = null;
      }
    },
    memoryBytes: () => held?.memory.buffer.byteLength ?? 0,
  };
}
