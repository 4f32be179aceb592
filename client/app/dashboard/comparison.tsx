// Comparison: several runs beside each other: their numbers, the settings in which they differ, their curves.

import type { RunSnapshot } from "../../../proto/dashboard.js";
import { Table } from "../design/table.js";
import { ComparedCharts } from "./run-charts.js";
import { bestText, count, PHASES, percent } from "./words.js";

function numberRows(runs: readonly RunSnapshot[]) {
  return runs.map(({ name, phase, step, best, scores }, color) => [
    <span key="name" class={`run-key series-${color}`}>
      {name}
    </span>,
    PHASES[phase],
    count(step),
    best ? bestText(best) : "–",
    scores ? percent(scores.weights.top1, 2) : "–",
    scores ? scores.weights.loss.toFixed(4) : "–",
  ]);
}

/** Flag → value of each run, where they are not all the same. */
function differingRows(runs: readonly RunSnapshot[]) {
  const flags = runs[0].settings.map(({ flag }) => flag);
  return flags
    .map((flag) => [
      flag,
      ...runs.map(({ settings }) => settings.find((one) => one.flag === flag)?.value ?? "–"),
    ])
    .filter(([, ...values]) => new Set(values).size > 1)
    .map(([flag, ...values]) => [<code key="flag">{flag}</code>, ...values]);
}

export function Comparison({ runs }: { runs: readonly RunSnapshot[] }) {
  const differing = differingRows(runs);
  return (
    <>
      <h2 class="run-title">{runs.map(({ name }) => name).join(", ")}</h2>
      <Table
        title="The runs' numbers"
        columns={["run", "state", "steps", "best", "last top-1", "last loss"]}
        rows={numberRows(runs)}
      />
      <section>
        <h3>Settings that differ</h3>
        {differing.length > 0 ? (
          <Table
            title="Settings that differ"
            columns={["setting", ...runs.map(({ name }) => name)]}
            rows={differing}
          />
        ) : (
          <p class="quiet">None.</p>
        )}
      </section>
      <section>
        <h3>Curves</h3>
        <ComparedCharts runs={runs} />
      </section>
    </>
  );
}
