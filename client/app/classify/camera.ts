// Camera: its frames, classified one after another as fast as the model takes them. A frame that comes while the model
// is busy is left out, so that the verdict is never about an old one.

import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Classification } from "../../browser/contract.js";
import type { Failure } from "../design/notice.js";
import { MOST_CLASSES } from "./pictures.js";
import type { Session } from "./session.js";
import { SteadyScores } from "./steady-scores.js";

export type CameraState =
  | { kind: "off" }
  | { kind: "starting" }
  | { kind: "live"; stream: MediaStream }
  | { kind: "failed"; failure: Failure };

/** What the camera shows now. */
export interface LiveVerdict {
  /** Of the newest frame; its classes are averaged over the last few, since single frames flicker. */
  classification: Classification;
  framesPerSecond: number;
  /** Frames classified since the camera was opened. */
  frames: number;
}

type Facing = "environment" | "user";

/** The camera's own failure, in a visitor's words. */
function cameraFailure(error: unknown): Failure {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError")
    return {
      line: "The camera is not allowed here.",
      advice: "Allow it in the browser's address bar, then try again.",
    };
  if (name === "NotFoundError" || name === "OverconstrainedError")
    return { line: "No camera was found.", advice: "Connect one, then try again." };
  if (name === "NotReadableError")
    return { line: "The camera is in use.", advice: "Close the program that uses it, then try again." };
  return { line: "The camera could not be opened.", advice: String((error as Error).message ?? error) };
}

export class Camera {
  readonly #state: Signal<CameraState> = signal({ kind: "off" });
  readonly #verdict = signal<LiveVerdict | undefined>(undefined);
  readonly #several = signal(false);
  readonly #session: Session;
  #facing: Facing = "environment";
  #video: HTMLVideoElement | undefined;
  #ending = new AbortController();

  constructor(session: Session) {
    this.#session = session;
  }

  get state(): ReadonlySignal<CameraState> {
    return this.#state;
  }

  get verdict(): ReadonlySignal<LiveVerdict | undefined> {
    return this.#verdict;
  }

  /** Whether there is another camera to turn to. */
  get several(): ReadonlySignal<boolean> {
    return this.#several;
  }

  static get available(): boolean {
    return navigator.mediaDevices?.getUserMedia !== undefined;
  }

  async start(): Promise<void> {
    this.stop();
    this.#ending = new AbortController();
    const { signal } = this.#ending;
    this.#state.value = { kind: "starting" };
    try {
      const video = { facingMode: this.#facing, width: { ideal: 1280 }, height: { ideal: 720 } };
      const stream = await navigator.mediaDevices.getUserMedia({ video });
      signal.addEventListener("abort", () => {
        for (const track of stream.getTracks()) track.stop();
      });
      if (signal.aborted) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      this.#state.value = { kind: "live", stream };
      const devices = await navigator.mediaDevices.enumerateDevices();
      this.#several.value = devices.filter(({ kind }) => kind === "videoinput").length > 1;
    } catch (error) {
      if (signal.aborted) return;
      console.warn(error);
      this.#state.value = { kind: "failed", failure: cameraFailure(error) };
    }
  }

  stop(): void {
    this.#ending.abort();
    batch(() => {
      this.#state.value = { kind: "off" };
      this.#verdict.value = undefined;
    });
  }

  turn(): void {
    this.#facing = this.#facing === "user" ? "environment" : "user";
    void this.start();
  }

  /** The camera's frame of this moment as a file; undefined before the first one. */
  async takePicture(): Promise<File | undefined> {
    const video = this.#video;
    if (!video || video.videoWidth === 0) return undefined;
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    return png ? new File([png], "Camera.png", { type: "image/png" }) : undefined;
  }

  /** Classifies the frames of `video`, until the camera is stopped. */
  async watch(video: HTMLVideoElement): Promise<void> {
    this.#video = video;
    const { signal } = this.#ending;
    const steady = new SteadyScores();
    const began: number[] = [];
    for (let frames = 1; !signal.aborted; ) {
      await nextFrame(video, signal);
      if (signal.aborted) return;
      // The first callback may come before there are pixels.
      if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || video.videoWidth === 0) continue;
      try {
        const classifier = await this.#session.classifier();
        began.push(performance.now());
        if (began.length > 20) began.shift();
        const newest = await classifier.classify(video, { topK: MOST_CLASSES, signal });
        if (signal.aborted) return;
        const classes = steady.add(newest.logits, classifier.card.labels, MOST_CLASSES);
        const seconds = (performance.now() - (began[0] ?? 0)) / 1000;
        this.#verdict.value = {
          classification: { ...newest, classes },
          framesPerSecond: began.length / seconds,
          frames: frames++,
        };
      } catch (error) {
        if (signal.aborted) return;
        console.warn(error);
        // Another model is being loaded, or its worker has stopped: the placard says so; the camera waits.
        this.#verdict.value = undefined;
        steady.forget();
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }
}

/** Resolves with the next frame that the video shows, or when `signal` is aborted. */
function nextFrame(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done);
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(done);
    else requestAnimationFrame(done);
  });
}
