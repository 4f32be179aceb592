// Session: a model that this page has loaded, from its download to its end, and the settings it was loaded with. Its
// state is a signal.

import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Classifier, ClassifierOptions, ModelCard } from "../../browser/contract.js";
import type { Failure } from "../design/notice.js";
import { megabytes } from "../design/numbers.js";
import { fetchModelOffer, type ModelChoice } from "../exchange/model-list.js";
import { modelFailure } from "./failure-text.js";

/** `createClassifier` of vitrine/browser. */
export type CreateClassifier = (options: ClassifierOptions) => Promise<Classifier>;

export interface Settings {
  /** Undefined: the first that the server lists. */
  model?: ModelChoice;
  device: NonNullable<ClassifierOptions["device"]>;
  /** What the weights are kept in; `auto` as the file has them. */
  dtype: NonNullable<ClassifierOptions["dtype"]>;
  /** For the page's own server; kept here alone. */
  token?: string;
}

export type SessionState =
  | { kind: "loading"; label: string; fraction: number | undefined; detail?: string }
  | { kind: "ready"; card: ModelCard; model: ModelChoice }
  | { kind: "failed"; failure: Failure };

export class Session {
  readonly #state = signal<SessionState>(LOOKING);
  readonly #generation = signal(0);
  readonly #settings: Signal<Settings>;
  readonly #create: CreateClassifier;
  #ending = new AbortController();
  #loading: Promise<Classifier>;

  constructor(create: CreateClassifier, settings: Settings) {
    this.#create = create;
    this.#settings = signal(settings);
    this.#loading = this.#load();
  }

  get state(): ReadonlySignal<SessionState> {
    return this.#state;
  }

  get settings(): ReadonlySignal<Settings> {
    return this.#settings;
  }

  /** Counts the models that were asked for: what an earlier one said holds no longer. */
  get generation(): ReadonlySignal<number> {
    return this.#generation;
  }

  /** Rejects where the model could not be loaded; after `load` it is another promise. */
  classifier(): Promise<Classifier> {
    return this.#loading;
  }

  /** Ends the model and loads again, with these settings where they are given. */
  load(settings: Settings = this.#settings.peek()): void {
    this.end();
    batch(() => {
      this.#settings.value = settings;
      this.#state.value = LOOKING;
      this.#loading = this.#load();
      this.#generation.value++;
    });
  }

  /** Frees the model, or stops its download. */
  end(): void {
    this.#ending.abort();
    this.#loading.then(
      (classifier) => classifier.dispose(),
      () => {},
    );
  }

  #load(): Promise<Classifier> {
    this.#ending = new AbortController();
    const { signal } = this.#ending;
    const show = (state: SessionState) => {
      if (!signal.aborted) this.#state.value = state;
    };
    const loading = load(this.#create, this.#settings.peek(), show, signal);
    loading.catch((error) => {
      if (signal.aborted) return;
      console.error(error);
      show({ kind: "failed", failure: modelFailure(error) });
    });
    return loading;
  }
}

const LOOKING: SessionState = { kind: "loading", label: "Looking for a model", fraction: undefined };

async function load(
  create: CreateClassifier,
  settings: Settings,
  show: (state: SessionState) => void,
  signal: AbortSignal,
): Promise<Classifier> {
  const model = settings.model ?? (await fetchModelOffer(signal)).models[0];
  // A server that offers no model to download computes itself.
  if (!model || settings.device === "remote")
    return openOnServer(create, { ...settings, model }, show, signal);
  const showDownload = (loaded: number, total: number | undefined) =>
    show({
      kind: "loading",
      label: total === undefined || loaded < total ? `Downloading ${model.name}` : `Preparing ${model.name}`,
      fraction: total === undefined ? undefined : Math.min(1, loaded / total),
      detail: total === undefined ? megabytes(loaded) : `${megabytes(loaded)} of ${megabytes(total)}`,
    });
  const bytes = model.formats
    ? model.formats.find(({ dtype }) => dtype === settings.dtype)?.bytes
    : model.bytes;
  showDownload(0, bytes);
  const classifier = await create({
    model: model.url.startsWith("hf:") ? model.url : new URL(model.url, document.baseURI),
    device: settings.device,
    dtype: settings.dtype,
    // Of several formats, the model's config.json has the checksum of each.
    ...(model.sha256 === undefined || model.formats ? {} : { sha256: model.sha256 }),
    signal,
    onKernels: ({ made, wanted }) =>
      show({
        kind: "loading",
        label: "Preparing the GPU",
        fraction: made / wanted,
        detail: `${made} of ${wanted} kernels`,
      }),
    onMoved: (card) => show({ kind: "ready", card, model }),
    onProgress: ({ loaded, total }) => showDownload(loaded, total ?? bytes),
  });
  show({ kind: "ready", card: classifier.card, model });
  return classifier;
}

/** The model of the same name on the page's own server, or its first one. */
async function openOnServer(
  create: CreateClassifier,
  { model, token }: { model: ModelChoice | undefined; token?: string },
  show: (state: SessionState) => void,
  signal: AbortSignal,
): Promise<Classifier> {
  show({ kind: "loading", label: "Asking the server", fraction: undefined });
  const classifier = await create({
    device: "remote",
    remote: {
      url: new URL(".", document.baseURI),
      // One of the Hub or of another address is none of the server's.
      ...(model?.url.startsWith("models/") && { model: model.name }),
      ...(token !== undefined && { token }),
    },
    signal,
  });
  const { card } = classifier;
  show({ kind: "ready", card, model: { name: card.name, url: "" } });
  return classifier;
}
