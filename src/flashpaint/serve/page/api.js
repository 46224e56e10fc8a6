// The server's routes, over HTTP. Knows no element; every failure is a Refusal, in the server's own words.

import { key } from "./settings.js";
import { parsed, written } from "./wire.js";

export class Refusal extends Error {
  constructor(message, { code = null, param = null, status = 0, retry = null } = {}) {
    super(message);
    Object.assign(this, { code, param, status, retry });
  }
}

export function refusalOf(error, status = 0, retry = null) {
  return new Refusal(error?.message || "", { code: error?.code, param: error?.param, status, retry });
}

async function call(path, { method = "GET", form, data, signal } = {}) {
  const headers = key.get() ? { authorization: `Bearer ${key.get()}` } : {};
  if (data) headers["content-type"] = "application/json";
  const body = data ? written(data) : form;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body, signal, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("", { code: "unreachable" });
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw refusalOf(said.error, answer.status, Number(answer.headers.get("retry-after")) || null);
}

const json = async (path, more) => parsed(await (await call(path, more)).text());

export const models = () => json("/api/models");
export const history = (before) => json(`/api/history?number=60${before ? `&before=${before}` : ""}`);
export const forget = (id) => call(`/api/history/${encodeURIComponent(id)}`, { method: "DELETE" });
export const searchWords = (words) => json(`/api/search?number=30&q=${encodeURIComponent(words)}`);

export function searchPicture(blob) {
  return json("/api/search", { method: "POST", form: formOf({ number: 30 }, { image: blob }) });
}

export function describe(blob) {
  return json("/api/describe", { method: "POST", form: formOf({}, { image: blob }) });
}

/** What a sentence shows: {scene, boxes: [{thing, name, box}]}. */
export const plan = (scene, size) => json("/api/scene/plan", { method: "POST", data: { scene, size } });

/** A signed url's picture, as it lies on the server, to the byte. */
export async function picture(url) {
  return (await call(local(url))).blob();
}

/** What the server signs names the host that it believes it has: we are there already. */
export function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

function formOf(fields, files) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null && value !== "") form.append(name, String(value));
  }
  for (const [name, blob] of Object.entries(files)) if (blob) form.append(name, blob, `${name}.png`);
  return form;
}

/** An edit, a variation or, without files, a scene, as it comes about: {kind: "progress" | "preview" | "final", …}. */
export async function* paintedFrom(route, fields, files, signal) {
  const asked = { ...fields, stream: true, partial_images: 3 };
  const body = files ? { form: formOf(asked, files) } : { data: asked };
  const answer = await call(`/v1/images/${route}`, { method: "POST", ...body, signal });
  let ended = false;
  for await (const block of blocks(answer.body)) {
    const comment = /^: (\S+) (\d+)\/(\d+)$/m.exec(block);
    if (comment) yield { kind: "progress", stage: comment[1], step: Number(comment[2]), steps: Number(comment[3]) };
    const data = /^data: (.*)$/m.exec(block);
    if (!data) continue;
    const said = parsed(data[1]);
    if (said.error) throw refusalOf(said.error);
    ended = said.type.endsWith(".completed");
    const { b64_json: content, output_format: form_, ...facts } = said;
    yield { ...facts, kind: ended ? "final" : "preview", blob: blobOf(content, `image/${form_}`) };
  }
  if (!ended) throw new Refusal("", { code: "cut_off" });
}

async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (waiting + value).split("\n\n");
      waiting = parts.pop();
      yield* parts;
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("", { code: "cut_off" });
  } finally {
    reader.cancel().catch(() => {});
  }
}

function blobOf(base64, type) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type });
}
