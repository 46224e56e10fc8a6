// What has been painted: a strip to open, search, compare and forget from. Knows the API, and no canvas.

import * as api from "./api.js";
import { $, icon, later, make } from "./elements.js";
import { aloud, refuse } from "./notices.js";
import { label, say } from "./words.js";

const DRAFT_S = 120; // typing on: what was painted on the way folds into what came of it

const MOST_OWN = 60;

const strip = $("strip");
let rows = []; // of the server, newest first, or as they were found
let own = []; // of this visit alone, newest first
let count = 0; // of own, ever
const unfolded = new Set(); // ids of those whose drafts are shown
let query = null; // {words} or {blob}
let more = false;
let allowed = true;
let turn = 0;
let told = () => {};

/** onOpen(item), onCompare(item): an item has a prompt, a description, a seed, and a url or a blob. */
export function begin({ onOpen, onCompare }) {
  told = { open: onOpen, compare: onCompare };
}

export const refreshSoon = later(() => refresh().catch(() => {}), 900);

export async function refresh() {
  if (query || !allowed) return;
  await load(() => api.history(), (found) => {
    more = found.length === 60;
    return found;
  });
}

async function load(ask, take) {
  const mine = (turn += 1);
  try {
    const { data } = await ask();
    if (mine === turn) rows = take(data);
  } catch (refusal) {
    if (mine !== turn) return;
    if (query) refuse(refusal);
    else if (refusal.status === 404 || refusal.status === 403) {
      allowed = false;
      $("search-form").hidden = true;
      $("none").dataset.say = refusal.status === 404 ? "no_memory" : "not_allowed_history";
    } else if (refusal.status !== 401 && refusal.code !== "unreachable") refuse(refusal); // the link tells of these
  }
  if (mine === turn) draw();
}

export async function search(next) {
  query = next;
  if (!query) {
    $("search").value = "";
    await refresh();
    return;
  }
  await load(() => (query.blob ? api.searchPicture(query.blob) : api.searchWords(query.words)), (found) => found);
}

/** A picture that the server does not keep. */
export function keep(item) {
  count += 1;
  own = [{ ...item, id: `own-${count}`, created: Date.now() / 1000, local: true }, ...own].slice(0, MOST_OWN);
  draw();
  markChosen(own[0].id);
}

/** The row with this id, here or further back; null where it is gone. */
export async function find(id) {
  const here = rows.find((row) => row.id === id);
  if (here || !allowed) return here ?? null;
  let before;
  for (let page = 0; page < 3; page += 1) {
    const { data } = await api.history(before);
    const found = data.find((row) => row.id === id);
    if (found || data.length < 60) return found ?? null;
    before = data.at(-1).cursor;
  }
  return null;
}

/** The picture of an item, as it lies on the server. */
export async function blobOf(item) {
  return item.blob ?? api.picture(item.url);
}

/** In runs: {row, drafts}, of those that are unfolded one each. */
function folded(found) {
  const kept = [];
  let open = false;
  for (const row of found) {
    const newer = kept.at(-1);
    const draft = newer && newer.last.created - row.created < DRAFT_S && follows(newer.last, row);
    if (!draft) open = unfolded.has(row.id);
    if (draft && !open) {
      newer.drafts += 1;
      newer.last = row;
    } else kept.push({ row, last: row, drafts: 0 });
  }
  return kept;
}

function follows(newer, older) {
  if (newer.edited || older.edited || newer.prompt === older.prompt) return false;
  return newer.prompt.startsWith(older.prompt) || older.prompt.startsWith(newer.prompt);
}

export function draw() {
  const all = [...own, ...rows].sort((a, b) => b.created - a.created);
  const shown = query ? rows.map((row) => ({ row, drafts: 0 })) : folded(all);
  const held = new Map([...strip.children].map((item) => [item.dataset.id, item]));
  const focused = strip.contains(document.activeElement) ? document.activeElement.closest("li").dataset.id : null;
  const wanted = shown.map(({ row, drafts }) => refreshed(held.get(row.id) ?? item(row), row, drafts));
  for (const one of held.values()) if (!wanted.includes(one)) release(one);
  strip.replaceChildren(...wanted);
  const first = wanted.find((one) => one.dataset.id === focused) ?? wanted[0];
  if (first) first.querySelector(".open").tabIndex = 0;
  if (focused && first) first.querySelector(".open").focus();
  $("history-count").textContent = shown.length ? String(shown.length) : "";
  $("none").hidden = shown.length > 0;
  $("none").textContent = say(query ? "none_found" : $("none").dataset.say);
  $("found").hidden = !query;
  $("found-said").textContent = say(query?.blob ? "found_alike" : "found", { n: shown.length });
  $("older").hidden = Boolean(query) || !more;
}

function release(one) {
  const { src } = one.querySelector("img");
  if (src.startsWith("blob:")) URL.revokeObjectURL(src);
}

function unfold(one) {
  unfolded.add(one.row.id);
  draw();
}

function item(row) {
  const image = make("img", { alt: "", loading: "lazy", decoding: "async", draggable: true });
  image.src = row.blob ? URL.createObjectURL(row.blob) : api.local(row.url);
  image.addEventListener("error", () => refreshSoon(), { once: true }); // its url has expired
  const open = make("button", { type: "button", className: "open", tabIndex: -1 }, image);
  open.addEventListener("click", () => told.open(found.row));
  const compare = make("button", { type: "button", className: "mini compare-item", tabIndex: -1 }, icon("compare"));
  compare.addEventListener("click", () => told.compare(found.row));
  const forget = make("button", { type: "button", className: "mini forget-item", tabIndex: -1 }, icon("forget"));
  forget.addEventListener("click", () => forgetRow(found));
  const drafts = make("button", { type: "button", className: "drafts", tabIndex: -1, hidden: true });
  drafts.addEventListener("click", () => unfold(found));
  const found = make("li", {}, open, compare, forget, drafts);
  found.dataset.id = row.id;
  return found;
}

function refreshed(one, row, drafts) {
  one.row = row;
  const open = one.querySelector(".open");
  open.tabIndex = -1;
  const prompt = row.prompt || row.description;
  open.setAttribute("aria-label", say("open_item", { prompt }));
  open.title = row.local ? `${prompt}\n${say("not_kept")}` : prompt;
  label(one.querySelector(".compare-item"), say("compare_item", { prompt }));
  label(one.querySelector(".forget-item"), say(one.dataset.sure ? "forget_sure" : "forget_item", { prompt }));
  const tag = one.querySelector(".drafts");
  tag.hidden = !drafts;
  tag.textContent = `+${drafts}`;
  label(tag, say("drafts", { n: drafts, prompt }));
  return one;
}

async function forgetRow(one) {
  if (!one.dataset.sure) {
    one.dataset.sure = "yes";
    refreshed(one, one.row, 0);
    aloud("forget_sure", { prompt: one.row.prompt });
    setTimeout(() => {
      delete one.dataset.sure;
      refreshed(one, one.row, 0);
    }, 4000);
    return;
  }
  try {
    if (one.row.local) own = own.filter((row) => row.id !== one.row.id);
    else {
      await api.forget(one.row.id);
      rows = rows.filter((row) => row.id !== one.row.id);
    }
    aloud("forgotten");
    const next = one.nextElementSibling ?? one.previousElementSibling;
    if (one.contains(document.activeElement)) next?.querySelector(".open").focus();
    draw();
  } catch (refusal) {
    refuse(refusal);
  }
}

export function markChosen(id) {
  for (const one of strip.children) one.classList.toggle("chosen", one.dataset.id === id);
}

function across() {
  const items = [...strip.children];
  const top = items[0]?.offsetTop;
  return Math.max(1, items.filter((one) => one.offsetTop === top).length);
}

strip.addEventListener("keydown", (event) => {
  const one = event.target.closest("li");
  if (!one) return;
  const items = [...strip.children];
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across(), ArrowUp: -across(), Home: -1e9, End: 1e9 };
  if (event.key in moves) {
    const to = items[Math.min(items.length - 1, Math.max(0, items.indexOf(one) + moves[event.key]))];
    one.querySelector(".open").tabIndex = -1;
    to.querySelector(".open").tabIndex = 0;
    to.querySelector(".open").focus();
  } else if (event.key === "c" && !event.ctrlKey && !event.metaKey) told.compare(one.row);
  else if (event.key === "d" && !event.ctrlKey && !event.metaKey) unfold(one);
  else if (event.key === "Delete" || event.key === "Backspace") forgetRow(one);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

strip.addEventListener("dragstart", (event) => {
  const one = event.target.closest("li");
  if (one) event.dataTransfer.setData("text/x-flashpaint", one.dataset.id);
});
export const dragged = (id) => [...own, ...rows].find((row) => row.id === id) ?? null;

const type = later((words) => search(words ? { words } : null), 250);
$("search").addEventListener("input", (event) => event.isComposing || type($("search").value.trim()));
$("search").addEventListener("compositionend", () => type($("search").value.trim()));
$("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  type($("search").value.trim());
});
$("found-off").addEventListener("click", () => search(null));
$("older").addEventListener("click", async () => {
  try {
    const { data } = await api.history(rows.at(-1).cursor);
    more = data.length === 60;
    rows = [...rows, ...data];
    draw();
  } catch (refusal) {
    refuse(refusal);
  }
});
