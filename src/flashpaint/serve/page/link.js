// Whether the server is there, and the key that it may want.

import { $ } from "./elements.js";
import * as fields from "./fields.js";
import * as history from "./history.js";
import { aloud, dismiss, refuse } from "./notices.js";
import { inFrame, live, paint } from "./painting.js";
import { key } from "./settings.js";
import { say } from "./words.js";

let link = { state: "waiting" };

const seconds = (detail) => ({ seconds: Math.max(1, Math.round(detail.seconds ?? 0)) });

export function sayLink() {
  $("link").dataset.state = link.state;
  $("link-said").textContent = say(`link_${link.state}`, seconds(link));
}

function locked(refusal) {
  $("key-form").hidden = false;
  if (key.get()) refuse(refusal);
  $("key").focus();
}

function opened(before) {
  $("key-form").hidden = true;
  history.refresh();
  if (before === "lost") aloud("link_back");
  else if ($("prompt").value.trim() && !inFrame()) paint();
}

live.addEventListener("models", ({ detail }) => fields.fit(detail.models));
live.addEventListener("link", ({ detail }) => {
  const before = link.state;
  // while it tries again, it is still lost
  if (detail.state !== "waiting" || before !== "lost") link = detail;
  sayLink();
  if (detail.state === "open") opened(before);
  else if (detail.state === "locked") locked(detail.refusal);
  else if (detail.state === "lost" && before !== "lost") aloud("link_lost", seconds(detail));
});

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set($("key").value.trim());
  $("key").value = "";
  dismiss();
  live.now();
});
