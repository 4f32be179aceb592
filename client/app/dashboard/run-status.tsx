// Run status: what a run is doing, how far it is, and its numbers of this moment.

import type { RunSnapshot } from "../../../proto/dashboard.js";
import { valueText } from "../../../proto/run-charts.js";
import type { Connection } from "./followed-run.js";
import { bytes, clock, count, isActive, PHASES, percent, shownPhase } from "./words.js";

function Tile({ name, value, detail }: { name: string; value: string; detail?: string | undefined }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        {detail && <span class="quiet">{detail}</span>}
      </dd>
    </div>
  );
}

function epochText({ progress }: RunSnapshot): string | undefined {
  if (!progress) return undefined;
  return `epoch ${progress.epoch}${progress.epochs === null ? "" : ` of ${progress.epochs}`}`;
}

/** `isAtWork`: as far as is known at this moment. */
export function RunNumbers({ run, isAtWork }: { run: RunSnapshot; isAtWork: boolean }) {
  const { progress, step, steps, best } = run;
  return (
    <dl class="tiles">
      <Tile
        name="Step"
        value={count(step)}
        detail={[steps !== null && `of ${count(steps)}`, epochText(run)].filter(Boolean).join(", ")}
      />
      {best && (
        <Tile
          name={best.top1 === null ? "Best training loss" : "Best top-1"}
          value={best.top1 === null ? best.loss.toFixed(3) : percent(best.top1)}
          detail={`epoch ${best.epoch + 1}`}
        />
      )}
      {progress && (
        <>
          <Tile
            name="Loss"
            value={progress.loss === null ? "–" : progress.loss.toFixed(3)}
            detail="mean of ten steps"
          />
          <Tile name="Learning rate" value={valueText("rate", progress.learningRate)} />
          <Tile name="Images a second" value={progress.imagesPerSecond.toFixed(1)} />
          <Tile
            name="Waiting for data"
            value={percent(100 * progress.dataWait, 0)}
            detail={progress.dataWait >= 0.05 && progress.dataStage ? progress.dataStage : undefined}
          />
          <Tile
            name="Time"
            value={clock(progress.elapsedSeconds)}
            detail={
              progress.remainingSeconds === null || !isAtWork
                ? undefined
                : `about ${clock(progress.remainingSeconds)} to go`
            }
          />
          <Tile
            name="Memory"
            value={bytes(progress.peakBytes)}
            detail={
              progress.deviceBytes === null ? "peak" : `peak, and ${bytes(progress.deviceBytes)} on the GPU`
            }
          />
        </>
      )}
    </dl>
  );
}

/** Of a run whose server is gone in the middle of it. */
function LostNotice({ since, folder }: { since: Date; folder: string | undefined }) {
  return (
    <div class="notice" role="alert">
      <p class="notice-line">The trainer does not answer.</p>
      <p class="quiet">
        Since {since.toLocaleTimeString()}: it was killed, or the connection to it is cut. The numbers are the
        last that arrived{folder && `, and ${folder} holds its last checkpoint`}. If it was killed, its
        command with --resume continues it. The page goes on trying.
      </p>
    </div>
  );
}

export function RunHeading({ run, connection }: { run: RunSnapshot; connection: Connection }) {
  const isLost = connection.kind === "lost" && (isActive(run.phase) || !run.isLive);
  const { steps, step, activity, advice } = run;
  const phase = shownPhase(run, isLost);
  return (
    <header class="run-heading">
      <h2 class="run-title">{run.name}</h2>
      <p class="run-phase" data-phase={phase} role="status">
        {PHASES[phase]}
      </p>
      {steps !== null && steps > 0 && (
        <progress class="progress-bar" value={step / steps} aria-label={`Progress of ${run.name}`} />
      )}
      {activity !== "" && !isLost && <p class="quiet">{activity}</p>}
      {advice !== "" && !isLost && <p class={phase === "failed" ? "notice-line" : "quiet"}>{advice}</p>}
      {connection.kind === "refused" && <p class="notice-line">{connection.reason}</p>}
      {isLost && <LostNotice since={connection.since} folder={run.checkpoints[0]?.folder} />}
    </header>
  );
}
