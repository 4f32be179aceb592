// Announcer: what has happened, in words for screen readers. The words leave after a while: who walks over the page finds
// what they said in its own place.

import { useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

/** Longer than a screen reader needs to begin. */
const STAYS_MS = 15_000;

export function Announcer({ text }: { text: string }) {
  const said = useSignal("");
  // Before the paint: the words change together with what they speak of.
  useLayoutEffect(() => {
    said.value = text;
    const timer = setTimeout(() => {
      said.value = "";
    }, STAYS_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <p class="visually-hidden" id="announcement" aria-live="polite">
      {said.value}
    </p>
  );
}
