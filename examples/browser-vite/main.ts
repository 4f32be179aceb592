// A Vite page in TypeScript, with a model folder as public/model/: progress while the model loads, and a second picture
// that takes the place of the first.

import { type Classification, createClassifier, isVitrineError } from "@vitrine/browser";

const element = (id: string) => document.getElementById(id) as HTMLElement;
const [progress, list] = [element("progress"), element("classes")];

const percent = (value: number) => `${(100 * value).toFixed(1)}%`;

function show({ classes, milliseconds }: Classification): void {
  const items = classes.map(({ label, probability }) => {
    const item = document.createElement("li");
    item.textContent = `${label} ${percent(probability)}`;
    return item;
  });
  list.replaceChildren(...items);
  progress.textContent = `${Math.round(milliseconds.model)} ms in the model`;
}

const loading = createClassifier({
  model: `${import.meta.env.BASE_URL}model/`,
  onProgress: ({ loaded, total }) => {
    progress.textContent = total ? `Model: ${percent(loaded / total)}` : `Model: ${loaded} bytes`;
  },
});

function explain(error: unknown): void {
  progress.textContent = isVitrineError(error) ? `${error.code}: ${error.message}` : String(error);
}

loading.then(({ card }) => {
  progress.textContent = [card.deviceDescription, card.threadsReason].filter(Boolean).join(". ");
}, explain);

let current = new AbortController();

element("picture").addEventListener("change", async ({ target }) => {
  current.abort();
  const { signal } = (current = new AbortController());
  const [file] = (target as HTMLInputElement).files ?? [];
  if (!file) return;
  try {
    show(await (await loading).classify(file, { topK: 3, signal }));
  } catch (error) {
    if (!signal.aborted) explain(error);
  }
});
