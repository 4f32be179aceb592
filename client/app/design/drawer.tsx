// Drawer: a panel at the side of the page, above it. The browser's <dialog> keeps the focus inside, closes it with
// Escape and puts the focus back.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "./button.js";

interface DrawerProps {
  title: string;
  open: boolean;
  close(): void;
  children: ComponentChildren;
}

export function Drawer({ title, open, close, children }: DrawerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    // A click beside the panel is one on the dialog itself; the keyboard has Escape.
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it
    <dialog
      ref={dialog}
      class="drawer"
      aria-labelledby={heading}
      onClose={close}
      onClick={({ target, currentTarget }) => {
        if (target === currentTarget) close();
      }}
    >
      <div class="drawer-panel">
        <header class="drawer-head">
          <h2 class="drawer-title" id={heading}>
            {title}
          </h2>
          <Button weight="small" onClick={close}>
            Close
          </Button>
        </header>
        {open && children}
      </div>
    </dialog>
  );
}
