// Run tables: scores of heads and average, checkpoints, settings and what the run said.

import type { RunScores, RunSetting, RunSnapshot } from "../../../proto/dashboard.js";
import { Table } from "../design/table.js";
import { count, percent } from "./words.js";

export function ScoreTable({ scores }: { scores: RunScores }) {
  const { weights, ema } = scores;
  const named: [name: string, scores: typeof weights | null | undefined][] = [
    ["answer", weights],
    ["class head", weights.heads?.class],
    ["distillation head", weights.heads?.distillation],
    ["moving average", ema],
    ["average's class head", ema?.heads?.class],
    ["average's distillation head", ema?.heads?.distillation],
  ];
  const rows = named.flatMap(([name, one]) =>
    one ? [[name, percent(one.top1, 2), percent(one.top5, 2), one.loss.toFixed(4)]] : [],
  );
  return (
    <section>
      <h3>Last validation</h3>
      <p class="quiet">
        {count(scores.images)} images, after step {count(scores.step)}
      </p>
      <Table title="Scores of the last validation" columns={["of", "top-1", "top-5", "loss"]} rows={rows} />
    </section>
  );
}

export function CheckpointTable({ run }: { run: RunSnapshot }) {
  const rows = run.checkpoints.map(({ folder, step, what }) => [
    <code key="folder">{folder}</code>,
    count(step),
    what,
  ]);
  return (
    <section>
      <h3>Checkpoints</h3>
      <Table title="Checkpoints" columns={["folder", "step", "what"]} rows={rows} />
    </section>
  );
}

const settingRows = (settings: readonly RunSetting[]) =>
  settings.map(({ flag, value, usual }) => [<code key="flag">{flag}</code>, value, usual]);

export function Particulars({ run }: { run: RunSnapshot }) {
  const columns = ["setting", "value", "DeiT's"];
  const changed = run.settings.filter(({ isChanged }) => isChanged);
  const usual = run.settings.filter(({ isChanged }) => !isChanged);
  return (
    <section class="particulars">
      <h3>The run</h3>
      <dl class="facts">
        {run.facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary>Settings that differ from DeiT's: {changed.length}</summary>
        <Table title="Settings that differ from DeiT's" columns={columns} rows={settingRows(changed)} />
      </details>
      <details>
        <summary>Settings as DeiT's: {usual.length}</summary>
        <Table title="Settings as DeiT's" columns={columns} rows={settingRows(usual)} />
      </details>
      {run.lines.length > 0 && (
        <details>
          <summary>What the run said</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard */}
          <pre class="said" tabIndex={0} role="log" aria-label="What the run said">
            {run.lines.join("\n")}
          </pre>
        </details>
      )}
    </section>
  );
}
