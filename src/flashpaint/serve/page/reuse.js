// What of a picture came from memory: a badge, and the neighbour it came from.

import { picture } from "./api.js";
import { $ } from "./elements.js";
import { say } from "./words.js";

const badge = $("badge");
const figure = $("neighbour");
let now = null; // {reuse, steps}
let find = async () => null;

/** how(id): the row of history with that id, or null. */
export function lookUp(how) {
  find = how;
}

export function tell(reuse, steps) {
  now = reuse ? { reuse, steps } : null;
  hide();
  sayReuse();
}

export function sayReuse() {
  $("reuse").hidden = !now;
  if (!now) return;
  const { reuse, steps } = now;
  badge.dataset.kind = reuse.kind;
  badge.textContent = say(`reuse_${reuse.kind}`, { skipped: reuse.skipped, steps });
  badge.disabled = !reuse.neighbour;
}

async function showNeighbour() {
  if (!now?.reuse.neighbour || !figure.hidden) return;
  const mine = now;
  badge.setAttribute("aria-expanded", "true");
  const row = await find(mine.reuse.neighbour).catch(() => null);
  if (now !== mine || badge.getAttribute("aria-expanded") !== "true") return;
  const image = figure.querySelector("img");
  const facts = [say("reuse_from"), say("reuse_alike", { percent: Math.round(mine.reuse.similarity * 100) })];
  if (mine.reuse.saved_s >= 0.001) facts.push(say("reuse_saved", { ms: Math.round(mine.reuse.saved_s * 1000) }));
  image.hidden = true;
  figure.querySelector("figcaption").textContent = [row?.prompt, facts.join(" · ")].filter(Boolean).join("\n");
  figure.hidden = false;
  if (!row) return;
  const blob = await picture(row.url).catch(() => null);
  if (!blob || now !== mine || figure.hidden) return;
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.alt = row.prompt;
  image.hidden = false;
}

function hide() {
  figure.hidden = true;
  badge.setAttribute("aria-expanded", "false");
}

$("reuse").addEventListener("pointerenter", showNeighbour);
$("reuse").addEventListener("pointerleave", hide);
badge.addEventListener("click", () => (figure.hidden ? showNeighbour() : hide()));
badge.addEventListener("blur", hide);
