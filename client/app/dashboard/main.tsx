// The dashboard: styles and the root of its components.

import "../design/tokens.css";
import "../design/base.css";
import "../design/components.css";
import "../design/chart.css";
import "./dashboard.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { DashboardPage } from "./dashboard-page.js";
import { openRuns } from "./runs.js";
import { PHASES, shownPhase } from "./words.js";

const root = document.getElementById("app");
if (!root) throw new Error("dashboard.html lacks #app");
const runs = openRuns();
effect(() => {
  const [first, second] = runs.followed.value;
  const run = first?.run.value;
  const what = second
    ? "Compared runs"
    : run
      ? `${run.name}, ${PHASES[shownPhase(run, first.connection.value.kind === "lost")]}`
      : "Training runs";
  document.title = `${what} – Vitrine`;
});
render(<DashboardPage runs={runs} />, root);
