// Environment types: types of WebGPU and the web as the consumer's TypeScript knows them.
//
// They are DOM types, which a Node project's `lib` does not have, and `@webgpu/types` neither compiles without the DOM
// nor coexists with TypeScript's own declarations of WebGPU. So the public types look them up: where the consumer has a
// global such as GPUBuffer, its type is used, otherwise an opaque object, and our declarations compile either way.

type FromGlobal<Name extends string, Otherwise> = typeof globalThis extends {
  readonly [N in Name]: { readonly prototype: infer Instance };
}
  ? Instance
  : Otherwise;

/** WebGPU's `GPU`, as `navigator.gpu` has it; an opaque object where the consumer's TypeScript does not know it. */
export type Gpu = FromGlobal<"GPU", object>;
export type GpuNativeAdapter = FromGlobal<"GPUAdapter", object>;
export type GpuAdapterInfo = FromGlobal<"GPUAdapterInfo", object>;
/** WebGPU's `GPUDevice`; an opaque object where the consumer's TypeScript does not know it. */
export type GpuDevice = FromGlobal<"GPUDevice", object>;
/** WebGPU's `GPUBuffer`; an opaque object where the consumer's TypeScript does not know it. */
export type GpuBuffer = FromGlobal<"GPUBuffer", object>;
/** The browser's `Worker`; an opaque object where the consumer's TypeScript does not know it. */
export type WebWorker = FromGlobal<"Worker", object>;
/** A `URL`, as the consumer's TypeScript knows it. */
export type Url = FromGlobal<"URL", { readonly href: string }>;
/** A `Blob` or `File`, as the consumer's TypeScript knows it. */
export type WebBlob = FromGlobal<"Blob", { arrayBuffer(): Promise<ArrayBuffer> }>;
/** An `AbortSignal`, as the consumer's TypeScript knows it. */
export type CancelSignal = FromGlobal<"AbortSignal", { readonly aborted: boolean }>;
export type WasmModule = typeof globalThis extends {
  readonly WebAssembly: { readonly Module: { readonly prototype: infer Instance } };
}
  ? Instance
  : object;
/** What a browser can draw, each type as the consumer's TypeScript knows it. */
export type DrawablePicture =
  | FromGlobal<"HTMLImageElement", never>
  | FromGlobal<"HTMLVideoElement", never>
  | FromGlobal<"HTMLCanvasElement", never>
  | FromGlobal<"OffscreenCanvas", never>
  | FromGlobal<"ImageBitmap", never>
  | FromGlobal<"ImageData", never>
  | FromGlobal<"VideoFrame", never>;
