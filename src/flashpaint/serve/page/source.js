// The picture to start from: dropped, pasted, chosen or taken from what is there; and its mask.

import * as brush from "./brush.js";
import { show } from "./canvas.js";
import { $, isPressed, pressed } from "./elements.js";
import { dismiss, refuse } from "./notices.js";
import { label, say } from "./words.js";

const WAYS = ["instruct", "extend"];
const READ = ["image/png", "image/webp", "image/jpeg"];

let held = null; // {blob, width, height}
let changed = () => {};

/** how(): called when a picture is taken up, meant otherwise, or let go. */
export function onChange(how) {
  changed = how;
}

export const source = () => held;

/** Take up a picture; false where it is none. */
export async function take(blob) {
  if (!READ.includes(blob.type)) {
    refuse({ code: "no_picture" });
    return false;
  }
  let size;
  try {
    size = await show(blob, "source", say("alt_source"));
  } catch {
    refuse({ code: "no_picture" });
    return false;
  }
  if (!size) return false;
  dismiss();
  held = { blob, ...size };
  URL.revokeObjectURL($("source-thumb").src);
  $("source-thumb").src = URL.createObjectURL(blob);
  $("source").hidden = false;
  brush.lay(size);
  brushing(false);
  saySource();
  mean("");
  return true;
}

export function letGo() {
  if (!held) return;
  held = null;
  $("source").hidden = true;
  brushing(false);
  changed();
}

export const isBrushing = () => isPressed($("brush-on"));

/** Brush or not; the picture itself is shown again, to brush on, as what was brushed before still is. */
export function brushing(on) {
  pressed($("brush-on"), on);
  for (const id of ["brush", "brush-size-of", "brush-rub", "brush-clear"]) $(id).hidden = !on;
  for (const id of ["source-from", "instruct", "extend", "vary", "describe", "alike"]) $(id).hidden = on; // one thing at a time
  rubbing(false);
  if (on) showSource();
}

function rubbing(on) {
  pressed($("brush-rub"), on);
  brush.rub(on);
}

function showSource() {
  veil(false);
  show(held.blob, "source", say("alt_source")).catch(() => refuse({ code: "no_picture" }));
}

/** How the words are meant where nothing is brushed: "instruct", "extend", or "" for what it should become. */
export function meant() {
  return isBrushing() ? "" : (WAYS.find((id) => isPressed($(id))) ?? "");
}

function mean(way) {
  for (const id of WAYS) pressed($(id), id === way);
  changed();
}

/** Once it is painted, the result is looked at, not the mask. The mask is kept. */
export function veil(on) {
  $("brush").hidden = on || !isBrushing();
}

/** The mask as a file; null where none is brushed on. Raises a Refusal's shape where the brush has done nothing. */
export async function maskFile() {
  if (!isBrushing()) return null;
  if (!brush.brushed()) throw { code: "no_mask" };
  return brush.mask();
}

export function saySource() {
  label($("brush"), say("brush_surface"));
  $("source-thumb").alt = say("alt_source");
}

$("brush-on").addEventListener("click", () => {
  // with the result in the frame, the first press goes back to the mask
  brushing(!isBrushing() || $("brush").hidden);
  if (isBrushing()) $("brush").focus();
});
$("brush-rub").addEventListener("click", () => {
  rubbing(!isPressed($("brush-rub")));
  showSource();
});
$("brush-clear").addEventListener("click", () => {
  brush.clear();
  showSource();
});
for (const id of WAYS) $(id).addEventListener("click", () => mean(isPressed($(id)) ? "" : id));
$("source-off").addEventListener("click", letGo);
