// Model source: where a model's files come from, be it a folder, one file, or an address.

export interface ModelSource {
  /** Name of the model: its folder's, or its file's without the ending. */
  readonly name: string;
  /** Path or address, for messages. */
  readonly location: string;
  /** `model.safetensors` or `config.json`, whole; null where there is none. */
  read(file: string): Promise<Uint8Array<ArrayBuffer> | null>;
}

/** A model folder's two files. */
export const WEIGHTS_FILE = "model.safetensors";
export const CONFIG_FILE = "config.json";
