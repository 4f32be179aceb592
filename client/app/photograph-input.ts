// Photograph input: drop, paste or choose a file.

/** Sets `data-dragging` on the body while a file is dragged over the page. */
function listenForDrops(receive: (file: File) => void, refuse: (reason: string) => void): void {
  // dragenter and dragleave fire for every element that is crossed: only their difference tells if the file is here.
  let depth = 0;
  const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  const mark = () => document.body.toggleAttribute("data-dragging", depth > 0);
  window.addEventListener("dragenter", (event) => {
    if (!carriesFile(event)) return;
    depth++;
    mark();
  });
  window.addEventListener("dragleave", (event) => {
    if (!carriesFile(event)) return;
    depth = Math.max(0, depth - 1);
    mark();
  });
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = carriesFile(event) ? "copy" : "none";
  });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    mark();
    const file = event.dataTransfer?.files[0];
    if (file) receive(file);
    else refuse("Only files can be dropped here. Save the picture first, then drop the file.");
  });
}

function listenForPastes(receive: (file: File) => void): void {
  window.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    receive(file);
  });
}

/** `buttons` open the file dialog of `field`. */
export function listenForPhotographs(
  field: HTMLInputElement,
  buttons: readonly HTMLButtonElement[],
  receive: (file: File) => void,
  refuse: (reason: string) => void,
): void {
  for (const button of buttons) button.addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    const file = field.files?.[0];
    if (file) receive(file);
    // Without this, choosing the same file again fires no event.
    field.value = "";
  });
  listenForDrops(receive, refuse);
  listenForPastes(receive);
}
