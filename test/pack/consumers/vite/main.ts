// A page that classifies with `vitrine/browser`: the bundler must find the worker and keep Node's modules out.

import { createClassifier, isVitrineError } from "vitrine/browser";

const classifier = await createClassifier({ model: "./model/", device: "wasm" });
try {
  const picture = await (await fetch("./photo.jpg")).blob();
  const { classes } = await classifier.classify(picture, { topK: 1 });
  document.title = classes[0]?.label ?? "nothing";
} catch (error) {
  document.title = isVitrineError(error) ? error.code : "failed";
}
