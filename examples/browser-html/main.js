// The library as it is: one script for the page, and workers beside it.

import { createClassifier } from "@vitrine/browser";

const list = document.getElementById("classes");
const show = (...lines) =>
  list.replaceChildren(
    ...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })),
  );

const loading = createClassifier({ model: "./model/" });
loading.catch((error) => show(error.message));

document.getElementById("picture").addEventListener("change", async ({ target }) => {
  try {
    const { classes } = await (await loading).classify(target.files[0], { topK: 3 });
    show(...classes.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)}%`));
  } catch (error) {
    show(error.message);
  }
});
