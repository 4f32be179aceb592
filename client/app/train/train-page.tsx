// Train page: the classes with their pictures at the left, the run and its model at the right.

import { useEffect, useState } from "preact/hooks";
import { Button } from "../design/button.js";
import { Masthead } from "../design/masthead.js";
import { listenForArrivals } from "../exchange/arrivals.js";
import { ClassCard } from "./class-card.js";
import type { LabeledClasses } from "./labeled-classes.js";
import { RunPanel } from "./run-panel.js";
import type { TabRun } from "./tab-run.js";
import { Trial } from "./trial.js";

export function TrainPage({ classes, run }: { classes: LabeledClasses; run: TabRun }) {
  const [notice, setNotice] = useState("");
  const [isHovering, setHovering] = useState(false);
  const phase = run.phase.value;
  const isBusy = phase === "preparing" || phase === "training" || phase === "paused";
  const leftOut = (count: number) =>
    setNotice(count > 0 ? `${count} pictures were left out: there is room for 2,000.` : "");
  useEffect(
    () =>
      listenForArrivals({
        pictures: (arrivals) => leftOut(classes.receive(arrivals)),
        address: () => setNotice("An address cannot be trained on: save the picture, then bring its file."),
        refuse: setNotice,
        hovering: setHovering,
      }),
    [],
  );
  return (
    <>
      <Masthead here="train.html" />
      <main class={isHovering ? "workshop is-hovering" : "workshop"}>
        <section class="classes" aria-labelledby="classes-title">
          <h2 class="workshop-title" id="classes-title">
            Train on your pictures
          </h2>
          <p class="lead">
            Name a few things, show ten pictures of each, and this page learns to tell them apart. Pictures
            and model stay on this computer.
          </p>
          <ul class="class-list">
            {classes.classes.value.map((one, index) => (
              <ClassCard
                key={one.id}
                classes={classes}
                one={one}
                place={index + 1}
                disabled={isBusy}
                leftOut={leftOut}
              />
            ))}
          </ul>
          <div class="class-ways">
            <Button disabled={isBusy} onClick={() => classes.addClass()}>
              Add a class
            </Button>
            <p class="quiet">Or drop a folder with a folder of pictures per class.</p>
          </div>
          <p class="quiet" role="status">
            {notice}
          </p>
        </section>
        <div class="side">
          <RunPanel run={run} classes={classes.classes.value} />
          {run.facts.value && phase !== "preparing" && <Trial run={run} />}
        </div>
      </main>
    </>
  );
}
