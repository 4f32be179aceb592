// Picture input: drop or paste a file anywhere on the page.

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

/** `receive` gets each picture; `refuse` gets the reason where what was dropped is none. */
export function listenForPictures(receive: (file: File) => void, refuse: (reason: string) => void): void {
  listenForDrops(receive, refuse);
  listenForPastes(receive);
}
