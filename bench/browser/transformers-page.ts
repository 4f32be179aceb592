// @huggingface/transformers in a page: its pipeline on wasm, with everything from this site.

import { measure } from "./page-peer.js";

interface Transformers {
  env: {
    allowRemoteModels: boolean;
    allowLocalModels: boolean;
    localModelPath: string;
    backends: { onnx: { wasm: { wasmPaths: string; numThreads: number } } };
  };
  pipeline(
    task: string,
    model: string,
    options: object,
  ): Promise<(picture: unknown, options: object) => Promise<{ label: string; score: number }[]>>;
  RawImage: { fromBlob(file: Blob): Promise<unknown> };
}

measure(async () => {
  const library = "/peers/@huggingface/transformers/dist/transformers.web.min.js";
  const { env, pipeline, RawImage }: Transformers = await import(library);
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/hf/";
  env.backends.onnx.wasm.wasmPaths = "/peers-of-transformers/onnxruntime-web/dist/";
  env.backends.onnx.wasm.numThreads = navigator.hardwareConcurrency;
  const classify = await pipeline("image-classification", "model", { device: "wasm", dtype: "fp32" });
  return async (file) => {
    const [{ label, score }] = await classify(await RawImage.fromBlob(file), { top_k: 1 });
    return { label, probability: score };
  };
});
