// Pictures from outside: dropped, pasted or chosen. On the frame they are started from, on the history searched by.

import { $ } from "./elements.js";
import * as history from "./history.js";
import { refuse } from "./notices.js";
import * as source from "./source.js";

const OURS = "text/x-flashpaint"; // an item of the history that is dragged
const root = document.documentElement;
let depth = 0; // of elements that the drag has entered

const where = (event) => (event.target.closest?.(".history") ? "search" : "edit");

async function arrived(file, place) {
  if (!file) return;
  if (place === "search") await history.search({ blob: file });
  else await source.take(file);
}

function left() {
  depth = 0;
  delete root.dataset.drop;
}

addEventListener("dragenter", () => (depth += 1));
addEventListener("dragleave", () => {
  depth -= 1;
  if (depth <= 0) left();
});
addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].some((type) => type === "Files" || type === OURS)) return;
  event.preventDefault();
  root.dataset.drop = where(event);
});
addEventListener("drop", async (event) => {
  const place = where(event);
  const row = history.dragged(event.dataTransfer.getData(OURS));
  const file = event.dataTransfer.files[0];
  left();
  if (!row && !file) return;
  event.preventDefault();
  try {
    await arrived(row ? await history.blobOf(row) : file, place);
  } catch (refusal) {
    refuse(refusal);
  }
});
addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  arrived(file, where(event));
});
$("pick").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  arrived($("file").files[0], "edit");
  $("file").value = "";
});
