// Session: the model that this page has loaded, from its download to its end. Its state is a signal.

import { type ReadonlySignal, signal } from "@preact/signals";
import type { Classifier, ClassifierDevice, ClassifierOptions, ModelCard } from "../../browser/contract.js";
import type { Failure } from "../design/notice.js";
import { megabytes } from "../design/numbers.js";
import { modelFailure } from "./display-text.js";

/** models.json of the page's server. */
interface ModelList {
  models: ListedModel[];
}

interface ListedModel {
  name: string;
  url: string;
  bytes: number;
}

export type SessionState =
  | { kind: "loading"; label: string; fraction: number | undefined; detail?: string }
  | { kind: "ready"; card: ModelCard; bytes: number }
  | { kind: "failed"; failure: Failure };

/** `createClassifier` of vitrine/browser. It is passed in, so that the page's components stay independent of the runtime. */
export type CreateClassifier = (options: ClassifierOptions) => Promise<Classifier>;

export interface Session {
  readonly state: ReadonlySignal<SessionState>;
  /** Rejects where the model could not be loaded; after `retry` it is another promise. */
  classifier(): Promise<Classifier>;
  retry(): void;
}

/**
 * Loads the server's first model. `?device=wasm` or `?device=webgpu` in the page's URL sets the device; the default is
 * a hardware GPU, else wasm.
 */
export function openSession(create: CreateClassifier): Session {
  const state = signal<SessionState>({ kind: "loading", label: "Looking for a model", fraction: undefined });
  const start = () => {
    const loading = load(create, (next) => {
      state.value = next;
    });
    loading.catch((error) => {
      console.error(error);
      state.value = { kind: "failed", failure: modelFailure(error) };
    });
    return loading;
  };
  let loading = start();
  return { state, classifier: () => loading, retry: () => (loading = start()) };
}

async function load(create: CreateClassifier, show: (state: SessionState) => void): Promise<Classifier> {
  const response = await fetch("./models.json");
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  const [model] = ((await response.json()) as ModelList).models;
  if (!model) throw new Error("this server has no model");
  const { name, bytes } = model;
  const showDownload = (loaded: number, total: number) =>
    show({
      kind: "loading",
      label: loaded < total ? `Downloading ${name}` : `Preparing ${name}`,
      fraction: Math.min(1, loaded / total),
      detail: `${megabytes(loaded)} of ${megabytes(total)}`,
    });
  showDownload(0, bytes);
  const classifier = await create({
    model: new URL(model.url, document.baseURI),
    // What is no device is refused by name.
    device: (new URLSearchParams(location.search).get("device") ?? "auto") as ClassifierDevice,
    onKernels: ({ made, wanted }) =>
      show({
        kind: "loading",
        label: "Preparing the GPU",
        fraction: made / wanted,
        detail: `${made} of ${wanted} kernels`,
      }),
    onMoved: (card) => show({ kind: "ready", card, bytes }),
    onProgress: ({ loaded, total }) => showDownload(loaded, total ?? bytes),
  });
  show({ kind: "ready", card: classifier.card, bytes });
  return classifier;
}
