// Pictures: which one is on display, and what has become of it. A verdict belongs to its picture, so that none can be
// shown beside another.
//
// A program that embeds or automates the page can listen on `window` for the event `vitrine:classified`; its detail is
// {file, classification} with the logits.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Classification } from "../../browser/contract.js";
import type { Failure } from "../design/notice.js";
import { photographFailure } from "./display-text.js";
import type { Session } from "./session.js";

declare global {
  interface WindowEventMap {
    "vitrine:classified": CustomEvent<{ file: File; classification: Classification }>;
  }
}

export type Verdict =
  | { kind: "reading" }
  | { kind: "classified"; classification: Classification }
  | { kind: "failed"; failure: Failure };

export interface Picture {
  readonly file: File;
  readonly name: string;
  /** What an <img> shows. */
  readonly url: string;
  readonly verdict: Signal<Verdict>;
}

export interface Pictures {
  /** The picture on display. */
  readonly shown: ReadonlySignal<Picture | undefined>;
  show(file: File): void;
  /** Classifies the picture on display again. */
  retry(): void;
}

export function createPictures(session: Session): Pictures {
  const shown = signal<Picture | undefined>(undefined);

  const classify = async (picture: Picture) => {
    picture.verdict.value = { kind: "reading" };
    try {
      const classifier = await session.classifier();
      if (shown.value !== picture) return;
      const classification = await classifier.classify(picture.file);
      if (shown.value !== picture) return;
      picture.verdict.value = { kind: "classified", classification };
      const detail = { file: picture.file, classification };
      window.dispatchEvent(new CustomEvent("vitrine:classified", { detail }));
    } catch (error) {
      // Where there is no model, the session says so, and the picture waits for it.
      if (session.state.value.kind === "failed") return;
      console.warn(error);
      picture.verdict.value = { kind: "failed", failure: photographFailure(error) };
    }
  };

  return {
    shown,
    show: (file) => {
      if (shown.value) URL.revokeObjectURL(shown.value.url);
      shown.value = {
        file,
        name: file.name || "Pasted picture",
        url: URL.createObjectURL(file),
        verdict: signal<Verdict>({ kind: "reading" }),
      };
      void classify(shown.value);
    },
    retry: () => {
      if (shown.value) void classify(shown.value);
    },
  };
}
