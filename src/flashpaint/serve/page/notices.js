// What went wrong, until it is put right or dismissed; and what a screen reader says aloud.

import { $ } from "./elements.js";
import { say, sayRefusal } from "./words.js";

let shown = null; // a Refusal, to be said anew in another language

export function refuse(refusal) {
  shown = refusal;
  $("notice").dataset.kind = "refusal";
  $("notice-said").textContent = sayRefusal(refusal);
  $("notice").hidden = false;
}

/** Something to know that is no fault. */
export function note(name, places) {
  shown = null;
  $("notice").dataset.kind = "note";
  $("notice-said").textContent = say(name, places);
  $("notice").hidden = false;
}

/** What the server says of a picture that it has painted; what it said of an earlier one, or refused, is over. */
export function tellNotes(notes) {
  if (notes.length) {
    shown = null;
    $("notice").dataset.kind = "notes";
    $("notice-said").textContent = notes.join("\n");
    $("notice").hidden = false;
  } else if (["notes", "refusal"].includes($("notice").dataset.kind)) dismiss();
}

export function dismiss() {
  shown = null;
  $("notice").hidden = true;
}

export const refusing = () => !$("notice").hidden && $("notice").dataset.kind === "refusal";

export function aloud(name, places) {
  $("aloud").textContent = say(name, places);
}

export function sayNotices() {
  if (shown && refusing()) $("notice-said").textContent = sayRefusal(shown);
}

$("notice-off").addEventListener("click", dismiss);
