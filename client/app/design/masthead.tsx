// Masthead: the name of the project, and what the page is about at this moment.

import type { ComponentChildren } from "preact";

export function Masthead({ children }: { children?: ComponentChildren }) {
  return (
    <header class="masthead">
      <h1 class="wordmark">Vitrine</h1>
      {children}
    </header>
  );
}
