// Page: the report of one run, or of several beside each other, as one HTML file that loads nothing.

import { seriesColor } from "./charts.js";
import { classSection, evaluatedSentence, mistakeSection } from "./class-sections.js";
import { differingSettings, environmentTable, settingsTable } from "./configuration.js";
import { comparedCurves, runCurves } from "./curves.js";
import { headlineNumbers, headlineTiles, statusSentence } from "./headline.js";
import { Html, html } from "./html.js";
import { className, percent, shownPath } from "./names.js";
import type { PictureBudget } from "./pictures.js";
import type { FirstBatch, ReportedRun } from "./reported-run.js";
import { STYLE } from "./style.js";

function document(title: string, body: Html): string {
  const { text } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${title}</title><style>${new Html(STYLE)}</style></head>
<body>${body}</body></html>
`;
  return text;
}

function notes(run: ReportedRun): Html | null {
  if (run.notes.length === 0) return null;
  return html`<div class="note">${run.notes.map((note) => html`<p>${note}</p>`)}</div>`;
}

async function batchSection(batch: FirstBatch, pictures: PictureBudget): Promise<Html> {
  const { size, samples, count } = batch;
  const thumbs: Html[] = [];
  for (const { pixels, label, partner, lambda } of samples) {
    const text =
      partner === label || lambda === 1
        ? label
        : `${percent(100 * lambda, 0)} ${label}, ${percent(100 * (1 - lambda), 0)} ${partner}`;
    const picture = await pictures.image({ width: size, height: size, data: pixels }, text);
    if (picture)
      thumbs.push(html`<figure>${picture}<figcaption><small>${text}</small></figcaption></figure>`);
  }
  const of = samples.length < count ? `${samples.length} of ${count} samples` : `All ${count} samples`;
  return html`<p class="muted">${of} of batch 0 of epoch 0, augmented and mixed, as the model saw them.</p>
<div class="thumbs">${thumbs}</div>`;
}

/** Classes, mistakes and the first batch; each where the run has it. */
async function pictureSections(run: ReportedRun, pictures: PictureBudget): Promise<Html> {
  const { predictions, batch, history } = run;
  const parts: Html[] = [];
  if (predictions)
    parts.push(html`<h2>Classes</h2><p class="muted">${evaluatedSentence(predictions, history.modelName)}</p>${classSection(predictions)}
<h2>Most confident mistakes</h2>${await mistakeSection(predictions, pictures)}`);
  if (batch) parts.push(html`<h2>A training batch</h2>${await batchSection(batch, pictures)}`);
  return html`${parts}`;
}

function limitNote({ omitted }: PictureBudget): Html | null {
  if (omitted === 0) return null;
  return html`<p class="note">${omitted} pictures are left out: the pictures of a report may take 4 MiB.</p>`;
}

/** `pictures` is spent on the mistakes first, then on the batch. */
export async function runPage(run: ReportedRun, pictures: PictureBudget): Promise<string> {
  const { history } = run;
  const parts = await pictureSections(run, pictures);
  return document(
    `${history.name} – Vitrine report`,
    html`<header><h1>${history.name}</h1><p class="muted">${shownPath(history.path)}. ${statusSentence(run)}</p></header>
${headlineTiles(run)}${notes(run)}
<h2>Training</h2>${history.metrics.rows === 0 ? html`<p>No steps yet: metrics.csv has no rows.</p>` : runCurves(history)}
${parts}${limitNote(pictures)}
<h2>Configuration</h2>${settingsTable(history.state)}<h3>Environment</h3>${environmentTable(history)}`,
  );
}

const letter = (index: number): string => String.fromCharCode(65 + index);

const key = (index: number): Html =>
  html`<span class="key" style="background:${seriesColor(index)}">${letter(index)}</span>`;

/** The letter of each run, then a row per headline number that any run has. */
function headlineTable(runs: readonly ReportedRun[]): Html {
  const all = runs.map(headlineNumbers);
  const names = [...new Set(all.flatMap((numbers) => numbers.map(({ name }) => name)))];
  const shown = (run: number, name: string) => all[run].find((number) => number.name === name)?.value ?? "–";
  return html`${runs.map(({ history }, index) => html`<p>${key(index)} ${shownPath(history.path)}</p>`)}
<div class="scroll"><table class="narrow"><tr><th></th>${runs.map((_, index) => html`<th class="number">${key(index)}</th>`)}</tr>
${names.map((name) => html`<tr><td>${name}</td>${runs.map((_, index) => html`<td class="number">${shown(index, name)}</td>`)}</tr>`)}</table></div>`;
}

/** Rows of a table that a reader still compares by eye. */
const MOST_COMPARED = 30;

/** Top-1 of every class in each run, the classes in which runs differ most first; null without two runs to compare. */
function classComparison(runs: readonly ReportedRun[]): Html | null {
  const accuracies = runs.map(
    ({ predictions }) =>
      new Map(
        predictions?.scores.classes.flatMap(({ images, top1 }, index) => {
          const name =
            predictions.classes[index] || className(predictions.labels, predictions.classMap[index]);
          return images === 0 ? [] : [[name, (100 * top1) / images] as const];
        }),
      ),
  );
  if (accuracies.filter(({ size }) => size > 0).length < 2) return null;
  const spread = (name: string): number => {
    const values = accuracies.flatMap((classes) => classes.get(name) ?? []);
    return Math.max(...values) - Math.min(...values);
  };
  const names = [...new Set(accuracies.flatMap((classes) => [...classes.keys()]))];
  const rows = names.sort((a, b) => spread(b) - spread(a)).slice(0, MOST_COMPARED);
  const cell = (value: number | undefined) => (value === undefined ? "–" : percent(value, 0));
  const more = names.length > rows.length ? `; ${rows.length} of ${names.length}` : "";
  return html`<h2>Top-1 by class</h2><p class="muted">The classes in which the runs differ most come first${more}.</p>
<div class="scroll"><table class="narrow"><tr><th>class</th>${runs.map((_, index) => html`<th class="number">${key(index)}</th>`)}</tr>
${rows.map((name) => html`<tr><td>${name}</td>${accuracies.map((classes) => html`<td class="number">${cell(classes.get(name))}</td>`)}</tr>`)}</table></div>`;
}

function settingDifferences(runs: readonly ReportedRun[]): Html {
  const rows = differingSettings(runs.map(({ history }) => history));
  if (rows.length === 0) return html`<p>All settings are the same.</p>`;
  return html`<div class="scroll"><table><tr><th>setting</th>${runs.map((_, index) => html`<th>${key(index)}</th>`)}</tr>
${rows.map(({ flag, values }) => html`<tr><td><code>${flag}</code></td>${values.map((value) => html`<td>${value}</td>`)}</tr>`)}</table></div>`;
}

/** Several runs: their numbers, curves and differences, then each run on its own. At most `MOST_RUNS`. */
export async function comparisonPage(runs: readonly ReportedRun[], pictures: PictureBudget): Promise<string> {
  const sections: Html[] = [];
  for (const [index, run] of runs.entries()) {
    const { history } = run;
    sections.push(html`<section><h2>${key(index)} ${history.name}</h2><p class="muted">${statusSentence(run)}</p>${notes(run)}
<details><summary>Classes, mistakes, batch and configuration</summary>${runCurves(history)}${await pictureSections(run, pictures)}
<h3>Configuration</h3>${settingsTable(history.state)}<h3>Environment</h3>${environmentTable(history)}</details></section>`);
  }
  return document(
    `${runs.length} runs – Vitrine report`,
    html`<header><h1>${runs.length} runs</h1></header>${headlineTable(runs)}
<h2>Curves</h2>${comparedCurves(runs.map(({ history }, index) => ({ key: letter(index), history })))}
<h2>Settings that differ</h2>${settingDifferences(runs)}${classComparison(runs)}${sections}${limitNote(pictures)}`,
  );
}
