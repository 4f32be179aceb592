// Run panel: what is trained and for how long, the buttons that a run has, and how it goes.

import { Button } from "../design/button.js";
import { Notice } from "../design/notice.js";
import { megabytes, parameterCount } from "../design/numbers.js";
import { Progress } from "../design/progress.js";
import { Segmented } from "../design/segmented.js";
import { Slider } from "../design/slider.js";
import { Curves } from "./curves.js";
import { type LabeledClass, missing, splitPictures } from "./labeled-classes.js";
import type { TabRun } from "./tab-run.js";

const LEAST_EPOCHS = 5;
const MOST_EPOCHS = 100;

const duration = (seconds: number): string =>
  seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;

function Choices({ run }: { run: TabRun }) {
  const { trains, epochs } = run.choices.value;
  return (
    <>
      <Segmented
        label="What is trained"
        shown
        options={[
          { value: "head", label: "Last layer" },
          { value: "all", label: "Everything" },
        ]}
        value={trains}
        choose={(value) => {
          run.choices.value = { trains: value, epochs: value === "head" ? 20 : 10 };
        }}
      />
      <p class="quiet">
        {trains === "head"
          ? "Fast, and enough for a few dozen pictures."
          : "Slower by far; for many pictures, or ones unlike photographs."}
      </p>
      <Slider
        label="Passes over the pictures"
        least={LEAST_EPOCHS}
        most={MOST_EPOCHS}
        value={epochs}
        text={`${epochs}`}
        change={(value) => {
          run.choices.value = { trains, epochs: value };
        }}
      />
    </>
  );
}

/** What the run takes, said before its first step. */
function Facts({ run }: { run: TabRun }) {
  const facts = run.facts.value;
  if (!facts) return null;
  const { plan, trainedParameters, parameters, pictures, validation, device } = facts;
  const held = validation > 0 ? `, ${validation} held back` : "";
  return (
    <dl class="facts" id="run-facts">
      <dt>Memory</dt>
      <dd>{`${megabytes(plan.bytes)}; ${megabytes(plan.checkpointBytes)} kept on this device`}</dd>
      <dt>Trained</dt>
      <dd>{`${trainedParameters.toLocaleString("en")} of ${parameterCount(parameters)}`}</dd>
      <dt>Pictures</dt>
      <dd>{`${pictures} to train on${held}`}</dd>
      <dt>Runs on</dt>
      <dd>{device === "webgpu" ? "the graphics card" : "the CPU"}</dd>
    </dl>
  );
}

function Going({ run }: { run: TabRun }) {
  const last = run.steps.value.at(-1);
  const phase = run.phase.value;
  const rest =
    last && Number.isFinite(last.remainingSeconds) ? `, about ${duration(last.remainingSeconds)} left` : "";
  const detail = last ? `step ${last.step} of ${last.steps}${phase === "training" ? rest : ""}` : undefined;
  return (
    <Progress
      label={run.status.value}
      fraction={run.fraction.value}
      {...(detail !== undefined && { detail })}
    />
  );
}

function Buttons({ run, start, obstacle }: { run: TabRun; start(): void; obstacle: string | undefined }) {
  const phase = run.phase.value;
  const isOn = phase === "training" || phase === "paused";
  return (
    <div class="class-ways" id="run-buttons">
      {phase === "training" && <Button onClick={() => run.pause()}>Pause</Button>}
      {phase === "paused" && (
        <Button weight="primary" onClick={() => run.resume()}>
          Go on
        </Button>
      )}
      {isOn && <Button onClick={() => run.stop()}>Stop</Button>}
      {phase === "stopped" && (
        <Button weight="primary" onClick={() => void run.train()}>
          Go on
        </Button>
      )}
      {(phase === "stopped" || phase === "finished") && (
        <Button weight={phase === "finished" ? "primary" : "plain"} onClick={() => void run.download()}>
          Download the model
        </Button>
      )}
      {!isOn && phase !== "preparing" && (
        <Button
          weight={phase === "gathering" ? "primary" : "plain"}
          disabled={obstacle !== undefined}
          onClick={start}
        >
          {phase === "gathering" ? "Train" : "Train again"}
        </Button>
      )}
    </div>
  );
}

export function RunPanel({ run, classes }: { run: TabRun; classes: readonly LabeledClass[] }) {
  const phase = run.phase.value;
  const obstacle = missing(classes);
  const kept = run.kept.value;
  const failure = run.failure.value;
  return (
    <section class="panel" aria-labelledby="run-title">
      <h2 class="panel-title" id="run-title">
        Training
      </h2>
      {kept && (
        <div class="kept" id="kept">
          <p>
            {`A run from an earlier visit is here: ${kept.classes.join(", ")}, ${
              kept.finished ? "trained" : `stopped after ${kept.step} steps`
            }.`}
          </p>
          <div class="class-ways">
            <Button weight="primary" onClick={() => void run.continueKept()}>
              {kept.finished ? "Open it" : "Continue it"}
            </Button>
            <Button onClick={() => void run.forgetKept()}>Remove it</Button>
          </div>
        </div>
      )}
      {failure && <Notice about="Training" {...failure} />}
      {(phase === "gathering" || phase === "finished") && <Choices run={run} />}
      {phase !== "gathering" && <Going run={run} />}
      {phase === "gathering" && obstacle !== undefined && <p class="quiet">{obstacle}</p>}
      <Buttons run={run} obstacle={obstacle} start={() => void run.start(splitPictures(classes))} />
      {run.steps.value.length > 0 && (
        <Curves
          steps={run.steps.value}
          evaluations={run.evaluations.value}
          total={run.facts.value?.steps ?? 1}
        />
      )}
      {phase !== "gathering" && <Facts run={run} />}
      {run.notices.value.map((text) => (
        <p class="quiet" key={text}>
          {text}
        </p>
      ))}
    </section>
  );
}
