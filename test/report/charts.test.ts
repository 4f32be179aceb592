// Charts: labels keep their distance, long series are thinned, and the columns of metrics.csv become named lines.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { lineChart, percentBars, short, spread } from "../../bin/report/charts.js";
import { chartSeries, runCurves } from "../../bin/report/curves.js";
import { html } from "../../bin/report/html.js";
import { Metrics } from "../../bin/report/metrics-table.js";
import type { RunHistory } from "../../bin/report/reported-run.js";
import { thinned } from "../../bin/report/series.js";
import { RUN_CHARTS, type RunChart } from "../../proto/run-charts.js";

test("labels are spread by at least the gap, inside the range, in the order of their values", () => {
  for (const values of [[10, 10, 10], [200, 199, 5], [0, 230, 229, 1], [50]]) {
    const placed = spread(values, 15, 14, 192);
    const order = values.map((_, i) => i).sort((a, b) => (values[a] as number) - (values[b] as number));
    for (const value of placed) assert.ok(value >= 14 && value <= 192, `${placed}`);
    for (let i = 1; i < order.length; i++) {
      const [before, after] = [placed[order[i - 1] as number], placed[order[i] as number]] as [
        number,
        number,
      ];
      assert.ok(after - before >= 15 - 1e-9, `${values} → ${placed}`);
    }
  }
});

test("a long series keeps its mean and its ends' order, and drops what is no number", () => {
  const x = Float64Array.from({ length: 10_000 }, (_, i) => i);
  const y = x.map((value) => (value % 10 === 0 ? Number.NaN : value));
  const points = thinned(x, y);
  assert.ok(points.length <= 300 && points.length > 200, `${points.length}`);
  const mean = points.reduce((sum, point) => sum + point.y, 0) / points.length;
  assert.ok(Math.abs(mean - 5000) < 50, `${mean}`);
  assert.equal(thinned([1, 2, 3], [Number.NaN, 5, Number.POSITIVE_INFINITY]), [{ x: 2, y: 5 }]);
});

test("heads, average and answer of a validation are lines by the columns' names; a cut-off row is left out", () => {
  const text = [
    "step,validation_top1,ema_validation_top1,validation_class_top1,validation_distillation_top1,validation_loss",
    "1,,,,,",
    "2,50,45,48,47,1.5",
    "3,60,55",
    "4,60,55,3",
  ].join("\n");
  const metrics = new Metrics(text);
  const accuracy = RUN_CHARTS.find(({ title }) => title === "Top-1 accuracy") as RunChart;
  assert.is(metrics.rows, 3, "a row of an older version has its first columns");
  assert.equal(
    chartSeries(metrics, accuracy).map(({ label, points }) => [label, points]),
    [
      [
        "val",
        [
          { x: 2, y: 50 },
          { x: 3, y: 60 },
        ],
      ],
      [
        "avg",
        [
          { x: 2, y: 45 },
          { x: 3, y: 55 },
        ],
      ],
      ["class", [{ x: 2, y: 48 }]],
      ["distil.", [{ x: 2, y: 47 }]],
    ],
  );
  assert.is(metrics.last("validation_loss"), 1.5);
  assert.is(metrics.column("no_such_column"), undefined);
  assert.is(new Metrics("").rows, 0);
  const wide = new Metrics(`${Array.from({ length: 50_000 }, (_, i) => `c${i}`).join(",")}\n1,2\n`);
  assert.is(wide.names.length, 256, "memory is columns times lines, whatever the header claims");
  assert.is(wide.last("c1"), 2);
});

test("a chart of nothing is none, and one of a single value or a constant is finite", () => {
  const chart = (points: { x: number; y: number }[]) =>
    lineChart({ series: [{ label: "a", points }], title: "t", range: [0, 0], format: String });
  assert.is(chart([]), null);
  for (const points of [
    [{ x: 1, y: 0 }],
    [
      { x: 1, y: 2 },
      { x: 2, y: 2 },
    ],
    [{ x: 5, y: -1 }],
  ]) {
    const { text = "" } = chart(points) ?? {};
    assert.match(text, /^<svg/);
    assert.not.match(text, /NaN|Infinity/);
  }
});

test("the ticks of a learning rate have digits enough to differ", () => {
  const metrics = new Metrics("step,learning_rate\n1,0.0003\n2,0.0003");
  const { text } = runCurves({ metrics } as unknown as RunHistory);
  const ticks = [...text.matchAll(/>(\d(?:\.\d+)?e-\d)</g)].map(([, tick]) => tick);
  assert.ok(ticks.includes("2.5e-4"), ticks.join(" "));
  assert.is(new Set(ticks).size, ticks.length, ticks.join(" "));
});

test("names in charts are escaped, cut in the middle and kept on one line", () => {
  const { text } = percentBars([{ label: '<b>"&', value: null, text: "</svg>" }], "t");
  assert.not.match(text, /<b>/);
  assert.is(text.match(/<\/svg>/g)?.length, 1);
  assert.is(short("Yorkshire terrier of the north", 11), "Yorks…north");
  assert.is(short("a\nb", 18), "a\\nb");
  assert.is(
    html`<i title="${"\"'<&>"}">${[1, null, html`<b>${"<"}</b>`]}</i>`.text,
    '<i title="&quot;&#39;&lt;&amp;&gt;">1<b>&lt;</b></i>',
  );
});

test.run();
