// Model source: where a model's files come from, be it a folder, one file, or an address.

export interface ModelSource {
  /** Name of the model: its folder's, or its file's without the ending. */
  readonly name: string;
  /** Path or address, for messages. */
  readonly location: string;
  /** One of the files below, whole; null where there is none. */
  read(file: string): Promise<Uint8Array<ArrayBuffer> | null>;
}

/** A model folder's two files, and one more that Hugging Face's folders have. */
export const WEIGHTS_FILE = "model.safetensors";
export const CONFIG_FILE = "config.json";
export const PREPROCESSOR_FILE = "preprocessor_config.json";
