// Update notice: says that another version of the page is ready, and changes to it when the visitor wants it.

import "./update-notice.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { Button } from "../design/button.js";
import { registerServiceWorker } from "./register.js";

const update = signal<(() => void) | undefined>(undefined);

function UpdateNotice() {
  if (!update.value) return null;
  return (
    <p class="update-notice">
      <span>A new version of this page is ready.</span>
      <Button weight="small" id="update" onClick={update.value}>
        Update
      </Button>
      <Button
        weight="small"
        onClick={() => {
          update.value = undefined;
        }}
      >
        Later
      </Button>
    </p>
  );
}

/** Keeps the page for visits without a network. `isIdle`: whether the visitor has nothing to lose by a reload. */
export function keepPage(isIdle: () => boolean): void {
  const place = document.createElement("div");
  place.setAttribute("role", "status");
  document.body.append(place);
  render(<UpdateNotice />, place);
  void registerServiceWorker({
    onUpdate: (run) => {
      update.value = run;
    },
    onOffline: () => {
      document.body.dataset.offline = "ready";
    },
    isIdle,
  });
}
