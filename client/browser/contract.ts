// Contract: what the classifier takes and gives. Types only, for the page, the library and its workers.

import type { DownloadProgress } from "../../runtime/host/browser-download.js";
import type { DownloadFacts } from "../../runtime/host/browser-source.js";
import type { CancelSignal, DrawablePicture, Url, WebBlob } from "../../runtime/host/environment-types.js";
import type { PictureArea } from "../../runtime/image/evaluation-crop.js";
import type { ClassScore } from "../../runtime/inference/logits.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";

/**
 * Where a model may run. `auto`: a hardware GPU, else wasm, else the server of `remote` if there is one; `remote`: there
 * only.
 */
export type ClassifierDevice = "auto" | "wasm" | "webgpu" | "remote";

/** An inference server, as `vitrine serve` starts it, that allows this page's origin. */
export interface RemoteOptions {
  /** Address of its HTTP port, such as `https://models.example`. */
  url: Url | string;
  /** Name of the model. Default: the first one that is ready. */
  model?: string;
  /** Sent as `Authorization: Bearer`; only over https, or to this machine. */
  token?: string;
}

/** The facts of a loaded model that a page may show. */
export interface ModelCard {
  name: string;
  /** Side of the model's square input in pixels. */
  imageSize: number;
  /** Class names in index order. */
  labels: string[];
  /** Number of weights. */
  parameters: number;
  /** What the weights are kept and computed in; `unknown` for a model on a server. */
  dtype: WeightDtype | "unknown";
  /** Where the weights came from. */
  download: DownloadFacts;
  /** Bytes on the device: weights, and what the largest program needs; 0 for a model on a server. */
  memoryBytes: number;
  /** Where the model runs: `wasm`, `webgpu` or `remote`. */
  device: string;
  /** One readable line: what the model runs on, and why. */
  deviceDescription: string;
  /** The GPU by its driver's name, and whether its driver computes on the CPU; undefined on wasm. */
  adapter?: { name: string; software: boolean };
  /** Threads that compute; undefined where a GPU does. */
  threads?: number;
  /** Why there is one thread where more were allowed, and which headers change it; undefined otherwise. */
  threadsReason?: string;
  /** Why the model runs on wasm instead of the GPU that was requested or lost, or on a server; undefined otherwise. */
  fallback?: string;
}

/** Compute pipelines that the GPU's driver has compiled, of all that the model needs. */
export interface KernelProgress {
  made: number;
  wanted: number;
}

/**
 * A picture to classify.
 *
 * - A file's bytes, as `Blob`, `File`, `ArrayBuffer` or `Uint8Array`: decoded by Vitrine where it reads the format, with
 *   the pixels that the server and Pillow have.
 * - A `URL`, or a string: a URL, relative to the page, or a data URL. The file is fetched, which its server must allow.
 * - What the browser can draw: an `<img>`, `<video>` (its current frame) or `<canvas>`, an `OffscreenCanvas`,
 *   `ImageBitmap`, `ImageData` or `VideoFrame`. It is copied at once and stays the caller's. Its pixels are the
 *   browser's, which may differ in their last bits, and what is transparent has lost its color unless it is `ImageData`.
 */
export type PictureInput = WebBlob | ArrayBuffer | Uint8Array | Url | string | DrawablePicture;

/** What was classified. */
export interface PictureFacts {
  /** Size of the whole picture in pixels, upright. */
  width: number;
  height: number;
  /** `JPEG`, `PNG` …; undefined for pixels that came without a file, and for files that only the browser knows. */
  format?: string;
  /** Which decoder read it: ours, or the browser's for what Vitrine does not read, and for what was drawn. */
  decodedBy: "vitrine" | "browser";
  /** Linear scale at which it was decoded: 1/2, 1/4 or 1/8 for a JPEG of too many pixels, else 1. */
  scale: number;
}

/** Milliseconds of each stage. */
export interface StageTimes {
  /** Until the file or the pixels were there. */
  read: number;
  /** Decoding, resizing, cropping. */
  decode: number;
  /** Waiting for other pictures. */
  queue: number;
  model: number;
}

/** What one head of the model answers. */
export interface HeadAnswer {
  /** Best first. */
  classes: ClassScore[];
  /** [classes]. */
  logits: Float32Array<ArrayBuffer>;
}

/** Where a transformer looked. Maps are of the model's input, which is `Classification.input` of the picture. */
export interface Attention {
  /** Patches across and down. */
  grid: number;
  /** Attention rollout from the tokens that the heads read, [grid, grid] (Abnar and Zuidema, arXiv 2005.00928). */
  rollout: Float32Array<ArrayBuffer>;
  /** The tokens of `maps`: none in a model that averages its patches. */
  tokens: ("class" | "distillation")[];
  /** Number of blocks; 0 for a model on a server, which gives the rollout alone. */
  depth: number;
  /** Heads of attention in each block. */
  heads: number;
  /** Attention probabilities from each token to each patch, [depth, heads, tokens, grid, grid]. */
  maps: Float32Array<ArrayBuffer>;
}

/** How much less probable a class is without each part of the picture. */
export interface Occlusion {
  /** The class that is asked about. */
  index: number;
  /** Parts across and down. */
  steps: number;
  /** Its probability minus that without the part, [steps, steps] over `Classification.input`. */
  drops: Float32Array<ArrayBuffer>;
}

/** The classifier's result for one picture. */
export interface Classification {
  /** Best first. */
  classes: ClassScore[];
  /** Logits [classes]; the mean of both heads where the model has two. */
  logits: Float32Array<ArrayBuffer>;
  picture: PictureFacts;
  /** The part of the upright picture that the model saw, in the picture's pixels. */
  crop: PictureArea;
  /**
   * The model's whole input, which maps are of, in the picture's pixels: `crop`, unless the model's files ask for a border,
   * which is outside the picture.
   */
  input: PictureArea;
  milliseconds: StageTimes;
  /** Both heads of the model; only where asked for. */
  heads?: { class: HeadAnswer; distillation?: HeadAnswer };
  /** Only where asked for. */
  attention?: Attention;
  /** The features that the heads read, [width]; their mean where the model has two. Only where asked for. */
  embedding?: Float32Array<ArrayBuffer>;
  /** Only where asked for. */
  occlusion?: Occlusion;
}

/** A format of weights, or `auto`. */
export type WeightsDtype = "auto" | "float32" | "float16" | "int8";

/** A JSON file: its text, its bytes, or what it holds. */
export type JsonFile = string | object;

/** A model in memory. */
export interface ModelBytes {
  /** Contents of a .safetensors or PyTorch file. */
  weights: ArrayBuffer | Uint8Array | WebBlob;
  /** config.json; without it, sizes are read from the tensors. */
  config?: JsonFile;
  /** preprocessor_config.json. */
  preprocessor?: JsonFile;
  /** Class names in index order, in place of those of `config`. */
  labels?: readonly string[];
}

/** The model to load, and where it runs. */
export interface ClassifierOptions {
  /**
   * The model: the URL of a folder (model.safetensors and config.json), with or without its last slash, the URL of a
   * .safetensors file, `hf:OWNER/NAME[@REVISION]` or `timm:NAME` of the Hugging Face Hub, or the files' contents.
   * Required unless `device` is `remote`.
   */
  model?: Url | string | ModelBytes;
  /**
   * Format of the weights. `auto` (default): as the file keeps them; where config.json offers several files
   * (`weight_files`), the one that was kept of an earlier visit, else the most exact that the connection brings in 10 s.
   */
  dtype?: WeightsDtype;
  /** Keep the model's files in the browser (Cache API), where `clearCache` removes them. Default true. */
  cache?: boolean;
  /**
   * SHA-256 of the weights in hexadecimal digits, where the page knows it. It counts before what config.json and the Hub
   * say, and of the files that config.json offers it takes the one that it names.
   */
  sha256?: string;
  /** Address of the Hub for `hf:` and `timm:`. Default https://huggingface.co. */
  hub?: Url | string;
  /**
   * URL of the folder that holds `wasm/` (the package's dist/wasm), with or without its last slash, for pages that host
   * it apart. Default: beside the library's script, where bundlers put its files.
   */
  assets?: Url | string;
  /** Default `auto`. Where the GPU fails, the model moves to wasm. */
  device?: ClassifierDevice;
  /** The server for `remote`, and for `auto` where no device of this machine can run the model. */
  remote?: RemoteOptions;
  /** Threads on wasm: a number, or `auto` (default): as many as there are cores and the page may start. */
  threads?: number | "auto";
  /**
   * Largest number of pixels that a picture may have; a larger JPEG is decoded at a smaller scale. Default 178,956,970,
   * as Pillow.
   */
  pixelLimit?: number;
  /** Ends the load: its workers and downloads stop, and the promise rejects with the signal's reason. */
  signal?: CancelSignal;
  /** Called with progress while the GPU's driver compiles kernels. */
  onKernels?: (progress: KernelProgress) => void;
  /** Called when the GPU was lost and the model has moved to wasm. */
  onMoved?: (card: ModelCard) => void;
  /** Called with progress while the weights download. */
  onProgress?: (progress: DownloadProgress) => void;
}

/** What `Classifier.classify` returns about a picture. */
export interface ClassifyOptions {
  /** How many classes to name, best first. Default 5. */
  topK?: number;
  /** Whether to answer by each head of the model, too. Default false. */
  heads?: boolean;
  /** Whether to give attention maps, which take a second run. Default false. Throws `device/unsupported` for convnets. */
  attention?: boolean;
  /** Whether to give the features that the heads read. Default false. */
  embeddings?: boolean;
  /** Parts of the upright picture, in its pixels, that the model is not shown: they get the color of its mean. */
  without?: readonly PictureArea[];
  /**
   * What each part of the picture contributes to a class: the model runs once for each of steps × steps parts, hidden in
   * turn. `index`: the class, by default the most probable one. `steps`: 1 to 32, by default 7.
   */
  occlusion?: boolean | { index?: number; steps?: number };
  /**
   * Drops the call: the promise rejects with the signal's reason at once. A decode in progress is ended, so that the
   * next picture does not wait for it.
   */
  signal?: CancelSignal;
}

/** A model in a worker of the page, made by `createClassifier`. */
export interface Classifier {
  /** The model and the device it runs on; replaced when the GPU was lost. */
  readonly card: ModelCard;
  /**
   * A picture → its most probable classes. One picture is decoded while the one before it is in the model.
   *
   * Throws `jpeg/…` and `image/…` for a bad file, `file/unreadable`, `network/…` for a URL that cannot be fetched,
   * `usage/picture` for what is no picture, `usage/number`, `usage/bad-option`, `usage/disposed`, `internal/worker` where a worker failed,
   * and the signal's reason.
   */
  classify(picture: PictureInput, options?: ClassifyOptions): Promise<Classification>;
  /**
   * Several pictures, in order. The first that fails rejects the call and drops the others; `details.index` of its error
   * is its place in the list.
   */
  classify(pictures: readonly PictureInput[], options?: ClassifyOptions): Promise<Classification[]>;
  /** Ends the workers and frees their memory, at any moment; calls in progress are rejected with `usage/disposed`. */
  dispose(): void;
}
