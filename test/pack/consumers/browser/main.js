// What each bundler bundles: a page that classifies pictures of three formats, each with a decoder of its own, and shows
// the answers in its title. The library is told where the model is, and not where its own files are.

import { createClassifier, isVitrineError } from "@vitrine/browser";

async function classifyAll() {
  const classifier = await createClassifier({ model: "/model/", device: "wasm" });
  const answers = [];
  for (const name of ["photo.jpg", "photo.webp", "photo.avif"]) {
    const file = await (await fetch(`/pictures/${name}`)).blob();
    const { classes, picture } = await classifier.classify(file, { topK: 1 });
    answers.push({ name, label: classes[0].label, decodedBy: picture.decodedBy });
  }
  const { deviceDescription } = classifier.card;
  classifier.dispose();
  return { answers, deviceDescription };
}

classifyAll()
  .catch((error) => ({ failure: isVitrineError(error) ? `${error.code}: ${error.message}` : String(error) }))
  .then((outcome) => {
    document.title = JSON.stringify(outcome);
  });
