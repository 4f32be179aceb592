// Stage: the case with one picture in it, the camera's, or the invitation to bring one.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../design/button.js";
import { Notice } from "../design/notice.js";
import { Invitation } from "./invitation.js";
import { LensBar } from "./lens-bar.js";
import type { PageState } from "./page-state.js";
import type { Picture } from "./pictures.js";
import { Crop, ShownPicture } from "./shown-picture.js";
import { transparencyLine } from "./transparency.js";

export function Stage({ page }: { page: PageState }) {
  const picture = page.pictures.shown.value;
  if (page.camera.state.value.kind !== "off") return <CameraStage page={page} />;
  if (!picture)
    return (
      <Case page={page}>
        <Invitation page={page} />
      </Case>
    );
  return (
    <Case page={page} caption={<Caption page={page} picture={picture} />}>
      <ShownPicture key={picture.id} page={page} picture={picture} />
    </Case>
  );
}

interface CaseProps {
  page: PageState;
  children: ComponentChildren;
  caption?: ComponentChildren;
}

function Case({ page, children, caption }: CaseProps) {
  const figure = useRef<HTMLElement>(null);
  const shown = page.pictures.shown.value;
  useEffect(() => {
    if (!shown) return;
    const top = figure.current?.getBoundingClientRect().top ?? 0;
    // Chosen from below, as on a phone, it would appear out of sight.
    if (top < 0 || top > innerHeight / 2) figure.current?.scrollIntoView();
    // The button that was pressed is gone: the keyboard goes on from the picture, not from the top of the page.
    if (document.activeElement === document.body) figure.current?.focus({ preventScroll: true });
  }, [shown]);
  return (
    <figure ref={figure} id="picture" tabIndex={-1} class={caption ? "stage" : "stage stage-empty"}>
      <div class={page.hovering.value ? "frame frame-hovering" : "frame"}>
        {children}
        <p class="let-go" aria-hidden="true">
          Let go to see what it shows
        </p>
      </div>
      {caption && <figcaption class="caption">{caption}</figcaption>}
    </figure>
  );
}

/** Its name, its size, what the model sees of it, and the ways to look at it. */
function Caption({ page, picture }: { page: PageState; picture: Picture }) {
  const verdict = picture.verdict.value;
  const facts = verdict.kind === "classified" ? verdict.classification.picture : undefined;
  const { lens, layer } = page.explanations;
  const isCropped = lens.value === "attention" && layer.value !== undefined;
  return (
    <>
      <p class="file">
        <span class="file-name" id="file-name">
          {picture.name}
        </span>
        {facts && (
          <span class="quiet">
            {`${facts.width} × ${facts.height}${facts.format ? ` ${facts.format}` : ""}. ${isCropped ? "This is the part that the model sees." : "The model sees the part between the corners."}`}
          </span>
        )}
      </p>
      {facts && picture.transparent.value && (
        <p class="quiet" id="transparency">
          {transparencyLine(facts)}
        </p>
      )}
      {facts && <LensBar explanations={page.explanations} />}
    </>
  );
}

function CameraStage({ page }: { page: PageState }) {
  const { camera } = page;
  const state = camera.state.value;
  return (
    <Case
      page={page}
      caption={
        <div class="camera-controls">
          <Button weight="primary" disabled={state.kind !== "live"} onClick={() => void page.keepFrame()}>
            Keep this picture
          </Button>
          {camera.several.value && <Button onClick={() => camera.turn()}>Other camera</Button>}
          <Button onClick={() => camera.stop()}>Close the camera</Button>
        </div>
      }
    >
      {state.kind === "starting" && <p class="unshown">Opening the camera …</p>}
      {state.kind === "failed" && (
        <Notice
          about="Camera"
          {...state.failure}
          retry={{ label: "Try again", run: () => void camera.start() }}
        />
      )}
      {state.kind === "live" && <Film page={page} stream={state.stream} />}
    </Case>
  );
}

function Film({ page, stream }: { page: PageState; stream: MediaStream }) {
  const video = useRef<HTMLVideoElement>(null);
  const ratio = useSignal(16 / 9);
  const live = page.camera.verdict.value;
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = stream;
    void page.camera.watch(element);
    return () => {
      element.srcObject = null;
    };
  }, [stream]);
  return (
    <div class="picture-box" style={{ "--ratio": ratio.value }}>
      <video
        ref={video}
        class="photograph"
        id="film"
        aria-label="What the camera shows"
        autoplay
        muted
        playsInline
        onResize={({ currentTarget: { videoWidth, videoHeight } }) => {
          if (videoHeight > 0) ratio.value = videoWidth / videoHeight;
        }}
      />
      {live && <Crop area={live.classification.crop} whole={live.classification.picture} />}
    </div>
  );
}
