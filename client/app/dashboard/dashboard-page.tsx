// Dashboard page: the list of runs at the side, the chosen run or the comparison beside it.

import { Masthead } from "../design/masthead.js";
import { Notice } from "../design/notice.js";
import { BatchGallery } from "./batch-gallery.js";
import { Comparison } from "./comparison.js";
import type { FollowedRun } from "./followed-run.js";
import { MistakeGallery } from "./mistake-gallery.js";
import { RunCharts } from "./run-charts.js";
import { RunControls } from "./run-controls.js";
import { RunList } from "./run-list.js";
import { RunHeading, RunNumbers } from "./run-status.js";
import { CheckpointTable, Particulars, ScoreTable } from "./run-tables.js";
import type { Runs } from "./runs.js";
import { isActive, shownPhase } from "./words.js";

function OneRun({ followed }: { followed: FollowedRun }) {
  const connection = followed.connection.value;
  const run = followed.run.value;
  if (!run) {
    if (connection.kind === "refused")
      return <Notice about={followed.id} line="This run cannot be read." advice={connection.reason} />;
    return <p class="quiet">Reading {followed.id} …</p>;
  }
  const isConnected = connection.kind === "open";
  const isTraining = run.isLive && isActive(run.phase);
  const hasCurves = Object.keys(run.curves).length > 0;
  return (
    <>
      <RunHeading run={run} connection={connection} />
      {isTraining && <RunControls run={run} isConnected={isConnected} />}
      <RunNumbers run={run} isAtWork={isActive(shownPhase(run, connection.kind === "lost"))} />
      <section>
        <h3>Curves</h3>
        {hasCurves ? <RunCharts curves={run.curves} /> : <p class="quiet">They begin with the first step.</p>}
      </section>
      {run.scores && <ScoreTable scores={run.scores} />}
      {run.hasBatches && <BatchGallery id={run.id} isActive={isConnected && isTraining} />}
      {run.hasMistakes && <MistakeGallery run={run} isConnected={isConnected} />}
      {run.checkpoints.length > 0 && <CheckpointTable run={run} />}
      <Particulars run={run} />
    </>
  );
}

function Display({ runs }: { runs: Runs }) {
  const followed = runs.followed.value;
  const failure = runs.failure.value;
  if (failure) return <Notice about="Training runs" {...failure} />;
  if (!runs.isLoaded.value) return <p class="quiet">Asking for the runs …</p>;
  const [first] = followed;
  if (!first) return <p class="quiet">There are no runs yet.</p>;
  if (followed.length === 1) return <OneRun key={first.id} followed={first} />;
  const snapshots = followed.flatMap(({ run: { value: run }, connection }) =>
    run ? { ...run, phase: shownPhase(run, connection.value.kind === "lost") } : [],
  );
  if (snapshots.length < 2) return <p class="quiet">Reading the runs …</p>;
  return <Comparison runs={snapshots} />;
}

export function DashboardPage({ runs }: { runs: Runs }) {
  return (
    <>
      <Masthead>
        <p class="quiet">Training runs</p>
      </Masthead>
      <main class="dashboard">
        <RunList runs={runs} />
        <div class="display">
          <Display runs={runs} />
        </div>
      </main>
      <footer class="footnote">
        <p class="quiet">This page talks to the process that printed its link, and to nothing else.</p>
      </footer>
    </>
  );
}
