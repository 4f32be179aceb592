// Pictures of two classes, a head trained on them in the tab, a picture to try it on, and the model's files to keep.
// Nothing leaves the machine.

import { createTrainer, removeRun } from "vitrine/browser/train";

const RUN = "example";
const element = (id) => document.getElementById(id);
const say = (text) => {
  element("progress").textContent = text;
};
const percent = (value) => `${(100 * value).toFixed(1)}%`;

function labeledPictures() {
  return [...document.querySelectorAll("fieldset")].flatMap((fieldset) => {
    const label = fieldset.querySelector("[type=text]").value.trim();
    return [...fieldset.querySelector("[type=file]").files].map((picture) => ({ picture, label }));
  });
}

let trainer;

async function train() {
  trainer?.dispose();
  await removeRun(RUN);
  const pictures = labeledPictures();
  // Every fifth picture is held back to check the model.
  const isHeldBack = (_, place) => place % 5 === 4;
  trainer = await createTrainer({
    run: RUN,
    model: "./model/",
    pictures: pictures.filter((picture, place) => !isHeldBack(picture, place)),
    validation: pictures.filter(isHeldBack),
    onPlan: ({ bytes }) => say(`Takes ${(bytes / 1e6).toFixed(0)} MB of memory`),
    onStep: ({ step, steps, loss }) => say(`Step ${step} of ${steps}, loss ${loss.toFixed(3)}`),
    onEvaluation: ({ top1 }) => say(`${top1.toFixed(0)}% of the pictures that were held back are right`),
    onNotice: say,
  });
  await trainer.train();
}

element("training").addEventListener("submit", async (event) => {
  event.preventDefault();
  element("trained").hidden = true;
  try {
    await train();
    element("trained").hidden = false;
  } catch (error) {
    say(error.message);
  }
});

element("trial").addEventListener("change", async ({ target }) => {
  try {
    const classes = await trainer.classify(target.files[0]);
    const lines = classes.map(({ label, probability }) => `${label} ${percent(probability)}`);
    element("classes").replaceChildren(
      ...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })),
    );
  } catch (error) {
    say(error.message);
  }
});

element("keep").addEventListener("click", async () => {
  for (const [name, bytes] of await trainer.exportModel()) {
    const href = URL.createObjectURL(new Blob([bytes]));
    Object.assign(document.createElement("a"), { href, download: name }).click();
    // The download has begun by then.
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }
});
