// Trial: what the model of this moment says about a picture, or about what the camera sees, also while it trains.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ClassScore } from "../../../runtime/inference/logits.js";
import { Button } from "../design/button.js";
import { percent } from "../design/numbers.js";
import { CameraVideo, frameOf, hasCamera } from "./camera-capture.js";
import type { TabRun } from "./tab-run.js";

const MOST_CLASSES = 5;
/** Between two frames, so that a run that trains is not held up by its camera. */
const FRAME_INTERVAL_MS = 400;

function Scores({ scores }: { scores: readonly ClassScore[] }) {
  return (
    <ol class="trial-scores">
      {scores.map(({ index, label, probability }) => (
        <li key={index} class="trial-score">
          <span class="trial-label">{label}</span>
          <span class="trial-number">{percent(probability)}</span>
          <meter class="trial-bar" min={0} max={1} value={probability} aria-label={label} />
        </li>
      ))}
    </ol>
  );
}

/** The camera's frames, one after another. */
function LiveTrial({ run, show }: { run: TabRun; show(scores: readonly ClassScore[]): void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let isGone = false;
    const look = async () => {
      while (!isGone) {
        try {
          const frame = video.current && (await frameOf(video.current));
          const scores = frame && (await run.trainer?.classify(frame, { topK: MOST_CLASSES }));
          if (scores && !isGone) show(scores);
        } catch (error) {
          console.warn(error);
        }
        await new Promise((resolve) => setTimeout(resolve, FRAME_INTERVAL_MS));
      }
    };
    void look();
    return () => {
      isGone = true;
    };
  }, []);
  return <CameraVideo video={video} label="Camera to try the model" />;
}

export function Trial({ run }: { run: TabRun }) {
  const input = useRef<HTMLInputElement>(null);
  const [scores, setScores] = useState<readonly ClassScore[]>([]);
  const [picture, setPicture] = useState<string>();
  const [camera, setCamera] = useState(false);
  const [refused, setRefused] = useState<string>();
  useEffect(() => () => void (picture !== undefined && URL.revokeObjectURL(picture)), [picture]);
  const look = async (file: File) => {
    setCamera(false);
    setScores([]);
    setRefused(undefined);
    setPicture(URL.createObjectURL(file));
    try {
      setScores((await run.trainer?.classify(file, { topK: MOST_CLASSES })) ?? []);
    } catch (error) {
      console.warn(error);
      setRefused("This file cannot be read as a picture.");
    }
  };
  const [best] = scores;
  return (
    <section class="panel" aria-labelledby="trial-title">
      <h2 class="panel-title" id="trial-title">
        Try it
      </h2>
      {camera ? (
        <LiveTrial run={run} show={setScores} />
      ) : (
        picture !== undefined && <img class="trial-picture" src={picture} alt="Yours, to try the model on" />
      )}
      {refused !== undefined && <p role="alert">{refused}</p>}
      <p class="trial-verdict" id="trial-verdict" role="status">
        {camera ? "" : best ? best.label : ""}
      </p>
      {scores.length > 0 && <Scores scores={scores} />}
      <div class="class-ways">
        <Button onClick={() => input.current?.click()}>Choose a picture</Button>
        {hasCamera() && (
          <Button
            onClick={() => {
              setPicture(undefined);
              setScores([]);
              setCamera(!camera);
            }}
          >
            {camera ? "Close the camera" : "Camera"}
          </Button>
        )}
      </div>
      <input
        ref={input}
        id="trial-file"
        type="file"
        accept="image/*"
        hidden
        aria-label="Picture to try the model on"
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file) void look(file);
          currentTarget.value = "";
        }}
      />
    </section>
  );
}
