// onnxruntime-web in a page: its smallest build, wasm with as many threads as there are cores, and the preparation of
// pictures that its examples have: a canvas that scales, and floats by plane.

import { measure } from "./page-peer.js";

interface Ort {
  env: { wasm: { wasmPaths: string; numThreads: number } };
  Tensor: new (type: "float32", data: Float32Array, dims: number[]) => unknown;
  InferenceSession: {
    create(
      url: string,
      options: object,
    ): Promise<{ run(feeds: object): Promise<{ logits: { data: Float32Array } }> }>;
  };
}

interface Preprocessor {
  size: { shortest_edge?: number; height?: number };
  crop_size?: { height: number };
  image_mean: number[];
  image_std: number[];
}

const FOLDER = "/peers/onnxruntime-web/dist/";

const json = async <T>(url: string): Promise<T> => (await fetch(url)).json();

/** float32 [1, 3, side, side], normalized. */
async function readPicture(file: Blob, preprocessor: Preprocessor): Promise<Float32Array> {
  const side = preprocessor.crop_size?.height ?? preprocessor.size.height ?? 224;
  const short = preprocessor.size.shortest_edge ?? side;
  const bitmap = await createImageBitmap(file);
  const scale = short / Math.min(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const context = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, side, side);
  const floats = new Float32Array(3 * side * side);
  const { image_mean: mean, image_std: std } = preprocessor;
  for (let channel = 0; channel < 3; channel++)
    for (let pixel = 0; pixel < side * side; pixel++)
      floats[channel * side * side + pixel] =
        (data[4 * pixel + channel] / 255 - mean[channel]) / std[channel];
  return floats;
}

measure(async () => {
  const library = `${FOLDER}ort.wasm.min.mjs`;
  const ort: Ort = await import(library);
  ort.env.wasm.wasmPaths = FOLDER;
  ort.env.wasm.numThreads = navigator.hardwareConcurrency;
  const [session, preprocessor, { id2label }] = await Promise.all([
    ort.InferenceSession.create("/hf/model/onnx/model.onnx", { executionProviders: ["wasm"] }),
    json<Preprocessor>("/hf/model/preprocessor_config.json"),
    json<{ id2label: Record<string, string> }>("/hf/model/config.json"),
  ]);
  return async (file) => {
    const floats = await readPicture(file, preprocessor);
    const side = Math.sqrt(floats.length / 3);
    const { logits } = await session.run({
      pixel_values: new ort.Tensor("float32", floats, [1, 3, side, side]),
    });
    const largest = Math.max(...logits.data);
    const sum = logits.data.reduce((total, value) => total + Math.exp(value - largest), 0);
    return { label: id2label[logits.data.indexOf(largest)], probability: 1 / sum };
  };
});
