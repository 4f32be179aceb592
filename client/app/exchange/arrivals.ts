// Arrivals: pictures that the visitor drops, pastes or chooses, with the folder that each came from. Whole folders can
// be dropped; an address that is dropped or pasted is passed on as text.

/** A picture file on its way into the page. */
export interface Arrival {
  file: File;
  /** Name of the folder that it was in, where a folder was dropped or chosen: in data sets that is its class. */
  folder?: string;
}

export interface Reception {
  pictures(arrivals: readonly Arrival[]): void;
  /** http:, https: or data: address of a picture. */
  address(text: string): void;
  /** Nothing in it is of use; the reason is in a visitor's words. */
  refuse(reason: string): void;
  /** A file or link is held above the page, or no longer. */
  hovering(above: boolean): void;
}

/** More pictures than these from one folder are left out, and the visitor is told. */
const MOST_FILES = 5000;
const DEEPEST_FOLDER = 8;
const PICTURE_NAME = /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|ppm|pgm|avif|heic|heif|svg)$/i;

const NOTHING_DROPPED = "That held no picture. Drop picture files, a folder, or a picture from another page.";
const NOTHING_PASTED =
  "The clipboard has no picture and no address of one. Copy a picture, then paste it here.";

/** `holiday/dogs/a.jpg` → `dogs`. */
function folderOf(path: string): string | undefined {
  return path.split("/").filter(Boolean).at(-2);
}

/** Files of an <input>; those of a chosen folder have paths. */
export function arrivalsOf(files: Iterable<File>): Arrival[] {
  const all = [...files].map((file) => ({ file, folder: folderOf(file.webkitRelativePath) }));
  const fromFolder = all.some(({ folder }) => folder !== undefined);
  return fromFolder ? all.filter(({ file }) => PICTURE_NAME.test(file.name)).slice(0, MOST_FILES) : all;
}

const fileOf = (entry: FileSystemFileEntry) =>
  new Promise<File>((resolve, reject) => entry.file(resolve, reject));

/** A directory reader hands out its entries in portions, at the end an empty one. */
async function* entriesOf(directory: FileSystemDirectoryEntry): AsyncGenerator<FileSystemEntry> {
  const reader = directory.createReader();
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0) return;
    yield* portion;
  }
}

async function collect(entry: FileSystemEntry, into: Arrival[], depth = 0): Promise<void> {
  if (into.length >= MOST_FILES || depth > DEEPEST_FOLDER) return;
  if (entry.isDirectory) {
    for await (const child of entriesOf(entry as FileSystemDirectoryEntry))
      await collect(child, into, depth + 1);
  } else if (depth === 0 || PICTURE_NAME.test(entry.name)) {
    into.push({
      file: await fileOf(entry as FileSystemFileEntry),
      folder: depth > 0 ? folderOf(entry.fullPath) : undefined,
    });
  }
}

/** The address in what another page's link or picture carries when it is dragged or copied. */
function addressIn(data: DataTransfer): string | undefined {
  const source = /<img\b[^>]*?\bsrc\s*=\s*["']([^"']+)["']/i.exec(data.getData("text/html"))?.[1];
  const list = data.getData("text/uri-list").split(/\r?\n/);
  const text = data.getData("text/plain").trim();
  const candidates = [
    source?.replaceAll("&amp;", "&"),
    list.find((line) => line && !line.startsWith("#")),
    text,
  ];
  return candidates.find(
    (candidate) => candidate !== undefined && /^(https?:\/\/|data:image\/)\S+$/i.test(candidate),
  );
}

async function receive(data: DataTransfer, reception: Reception, nothing: string): Promise<void> {
  // Read at once: the transfer is empty after the event.
  const entries = [...data.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => item.webkitGetAsEntry());
  const files = [...data.files];
  const address = addressIn(data);
  if (entries.some((entry) => entry?.isDirectory)) {
    const arrivals: Arrival[] = [];
    for (const entry of entries) if (entry) await collect(entry, arrivals);
    if (arrivals.length > 0) reception.pictures(arrivals);
    else reception.refuse("That folder holds no pictures.");
  } else if (files.length > 0) reception.pictures(files.map((file) => ({ file })));
  else if (address !== undefined) reception.address(address);
  else reception.refuse(nothing);
}

function listenForDrops(reception: Reception, signal: AbortSignal): void {
  // dragenter and dragleave fire for every element that is crossed: only their difference tells if the file is here.
  let depth = 0;
  const useful = ({ dataTransfer }: DragEvent) =>
    ["Files", "text/uri-list", "text/html"].some((type) => dataTransfer?.types.includes(type));
  const cross = (event: DragEvent, step: number) => {
    if (!useful(event)) return;
    depth = Math.max(0, depth + step);
    reception.hovering(depth > 0);
  };
  window.addEventListener("dragenter", (event) => cross(event, 1), { signal });
  window.addEventListener("dragleave", (event) => cross(event, -1), { signal });
  const over = (event: DragEvent) => {
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = useful(event) ? "copy" : "none";
  };
  window.addEventListener("dragover", over, { signal });
  const drop = (event: DragEvent) => {
    event.preventDefault();
    depth = 0;
    reception.hovering(false);
    if (event.dataTransfer) void receive(event.dataTransfer, reception, NOTHING_DROPPED);
  };
  window.addEventListener("drop", drop, { signal });
}

/** Listens on the whole page until the returned function is called. */
export function listenForArrivals(reception: Reception): () => void {
  const ending = new AbortController();
  listenForDrops(reception, ending.signal);
  const paste = (event: ClipboardEvent) => {
    if (!event.clipboardData || (event.target as Element | null)?.matches("input, textarea")) return;
    event.preventDefault();
    void receive(event.clipboardData, reception, NOTHING_PASTED);
  };
  window.addEventListener("paste", paste, { signal: ending.signal });
  return () => ending.abort();
}
