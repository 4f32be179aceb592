// Class sections: what the model gets right and wrong: confusions, accuracy of each class, and confident mistakes.

import {
  accuracyHistogram,
  type Bar,
  type ConfusionCell,
  confusionMatrix,
  countBars,
  percentBars,
  short,
} from "./charts.js";
import { type Html, html } from "./html.js";
import type { Mistake } from "./mistake-list.js";
import { className, percent, shownPath } from "./names.js";
import type { PictureBudget } from "./pictures.js";
import type { Predictions } from "./reported-run.js";

/** Above this, a matrix and a bar for every class are no longer readable. */
const MOST_CLASSES = 30;
const MOST_PAIRS = 15;

/** Below this number of pictures a class, its accuracy moves by tens of percent with every picture. */
const FEW_PICTURES = 10;

/** What the figures below it are about. */
export function evaluatedSentence({ scores, samples, skipped }: Predictions, modelName: string): string {
  const { images, top1 } = scores.total;
  const of =
    images + skipped < samples
      ? `${images} of ${samples} validation images, evenly spaced`
      : `${images} validation images`;
  const bad = skipped === 0 ? "" : `; ${skipped} could not be read and are not counted`;
  const perClass = images / Math.max(1, scores.classes.filter((counts) => counts.images > 0).length);
  const few =
    perClass < FEW_PICTURES
      ? ` With ${Number(perClass.toFixed(1))} pictures a class on average, the figures of single classes are mostly chance.`
      : "";
  const right = `${top1} right, ${percent((100 * top1) / Math.max(1, images))}`;
  return `The model in ${modelName}/ on ${of}: ${right}${bad}.${few}`;
}

/** Rows and columns in the model's order. */
function matrix({ scores, labels, classMap }: Predictions): Html {
  const cells: ConfusionCell[] = [];
  scores.classes.forEach(({ images, top1 }, label) => {
    const row = classMap[label];
    if (top1 > 0) cells.push({ row, column: row, images: top1, fraction: top1 / images });
  });
  for (const { label, answer, images } of scores.confusions())
    cells.push({
      row: classMap[label],
      column: answer,
      images,
      fraction: images / Math.max(1, scores.classes[label].images),
    });
  const names = labels.map((_, index) => className(labels, index));
  return html`<figure><figcaption>Confusion matrix <small>rows: the picture's class; columns: the answer; shade: fraction of
the row; blue is right, orange is wrong</small></figcaption><div class="scroll">${confusionMatrix(names, cells, "Confusion matrix")}</div></figure>`;
}

function pairs({ scores, labels, classMap }: Predictions): Html | null {
  const rows = scores.confusions().slice(0, MOST_PAIRS);
  if (rows.length === 0) return null;
  const name = (index: number): string => className(labels, index);
  const bars = rows.map(({ label, answer, images }) => ({
    label: `${short(name(classMap[label]), 15)} → ${short(name(answer), 15)}`,
    count: images,
  }));
  return html`<figure><figcaption>Most confused <small>class of the picture → answer, number of pictures</small></figcaption>${countBars(bars, "Most confused classes")}</figure>`;
}

function classBars({ scores, labels, classes, classMap }: Predictions): (Bar & { value: number | null })[] {
  return scores.classes.map(({ images, top1 }, index) => ({
    label: classes[index] || className(labels, classMap[index]),
    value: images === 0 ? null : (100 * top1) / images,
    text: images === 0 ? "no pictures" : `${percent((100 * top1) / images, 0)} of ${images}`,
  }));
}

/** All classes, the worst first; of many classes the worst, the best, and how accuracies are distributed. */
function perClass(predictions: Predictions): Html {
  const bars = classBars(predictions).sort((a, b) => (a.value ?? 101) - (b.value ?? 101));
  if (bars.length <= MOST_CLASSES)
    return html`<figure><figcaption>Top-1 by class <small>the worst first</small></figcaption>${percentBars(bars, "Top-1 by class")}</figure>`;
  const measured = bars.filter(({ value }) => value !== null);
  const values = measured.map(({ value }) => value as number);
  const unmeasured = bars.length - measured.length;
  return html`<figure><figcaption>Top-1 by class <small>the ${Math.min(15, measured.length)} worst of ${measured.length}</small></figcaption>
${percentBars(measured.slice(0, 15), "The worst classes")}</figure>
<figure><figcaption>Top-1 by class <small>the ${Math.min(5, measured.length)} best</small></figcaption>${percentBars(measured.slice(-5).reverse(), "The best classes")}</figure>
<figure><figcaption>Classes by their top-1 <small>${unmeasured > 0 ? `${unmeasured} classes have no evaluated pictures` : ""}</small></figcaption>${accuracyHistogram(values, "Classes by their top-1")}</figure>`;
}

/** Confusions and classes beside each other. */
export function classSection(predictions: Predictions): Html {
  const few = predictions.labels.length <= MOST_CLASSES;
  return html`<div class="two">${few ? matrix(predictions) : pairs(predictions)}${perClass(predictions)}${few ? pairs(predictions) : null}</div>`;
}

async function card(mistake: Mistake, { labels, size }: Predictions, pictures: PictureBudget): Promise<Html> {
  const { pixels, attention, answer, label, confidence, labelProbability, file } = mistake;
  const image = { width: size, height: size, data: pixels };
  const [said, is] = [className(labels, answer), className(labels, label)];
  const picture = await pictures.image(image, `a picture of ${is}, taken for ${said}`);
  const map = attention
    ? await pictures.attention(image, attention, "the same picture, bright where the model looked")
    : null;
  const shown = picture && html`<div class="pair${map ? "" : " one"}">${picture}${map}</div>`;
  return html`<div class="card">${shown}answer <b>${said}</b> ${percent(100 * confidence)}, label <b>${is}</b>
${percent(100 * labelProbability)}<br><small class="muted">${shownPath(file)}</small></div>`;
}

/** The pictures that the model was most sure about and wrong, with attention where the model has any. */
export async function mistakeSection(predictions: Predictions, pictures: PictureBudget): Promise<Html> {
  const { mistakes } = predictions;
  if (mistakes.length === 0) return html`<p>There are none: every answer was right.</p>`;
  const how = mistakes.some(({ attention }) => attention)
    ? html`<p class="muted">Right: the same picture, bright where the model looked (attention rollout over all blocks).</p>`
    : null;
  const cards: Html[] = [];
  for (const mistake of mistakes) cards.push(await card(mistake, predictions, pictures));
  return html`${how}<div class="cards">${cards}</div>`;
}
