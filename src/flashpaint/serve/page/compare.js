// A and B, one over the other, with a slider between them.

import { $ } from "./elements.js";
import { say } from "./words.js";

const view = $("compare");
const cut = $("cut");
const [under, over] = view.querySelectorAll("img");
let urls = [];

/** a, b: items with a blob and words. */
export function compare(a, b) {
  close();
  urls = [a, b].map((item) => URL.createObjectURL(item.blob));
  over.src = urls[0];
  under.src = urls[1];
  over.alt = `A: ${a.description || a.prompt}`;
  under.alt = `B: ${b.description || b.prompt}`;
  cut.value = "50";
  slide();
  view.hidden = false;
  cut.setAttribute("aria-label", say("compare_slider"));
  cut.focus();
}

export const comparing = () => !view.hidden;

export function close() {
  view.hidden = true;
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
}

function slide() {
  view.style.setProperty("--cut", `${cut.value}%`);
}
cut.addEventListener("input", slide);
