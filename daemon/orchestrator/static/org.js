"use strict";
// The page is whole without this. With it, it follows events, listens to keys, and chats.

const QUIET_MS = 350; // events come in bursts
const LEAST_MS = 1000;
const $ = (what, where = document) => where.querySelector(what);

// Live: when something happened that this view shows, it is fetched anew and morphed in place.

function live() {
  const main = $("main");
  const sign = $("#live");
  if (!main || !("live" in main.dataset)) {
    sign.textContent = "";
    return;
  }
  const wanted = main.dataset.live.split(" ").filter(Boolean);
  let due = 0;
  let last = 0;
  let busy = false;
  const refresh = async () => {
    due = 0;
    if (busy || document.hidden) return void plan();
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) swap(await answer.text());
    } catch {
      // The supervisor or its network is away; the next event brings it up to date.
    } finally {
      last = Date.now();
      busy = false;
    }
  };
  const plan = () => {
    if (!due) due = setTimeout(refresh, Math.max(QUIET_MS, LEAST_MS - (Date.now() - last)));
  };
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => {
    if (sign.dataset.state === "away") plan();
    sign.dataset.state = "live";
    sign.textContent = "live";
  });
  source.addEventListener("error", () => {
    sign.dataset.state = "away";
    sign.textContent = "reconnecting";
  });
  source.addEventListener("org", (event) => {
    const kind = JSON.parse(event.data).kind;
    if (!wanted.length || wanted.some((one) => kind.startsWith(one))) plan();
  });
  if (main.dataset.every) setInterval(plan, Number(main.dataset.every) * 1000);
  document.addEventListener("visibilitychange", () => document.hidden || plan());
}

function swap(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const old = $("main");
  const told = $("main", fresh);
  if (!told) return;
  const ends = [...document.querySelectorAll("[data-follow]")].map(atEnd);
  Idiomorph.morph(old, told, {
    morphStyle: "outerHTML",
    ignoreActiveValue: true,
    callbacks: {
      // What a person opened or closed stays so.
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
    },
  });
  document.title = fresh.title;
  follow(ends);
}

const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;

function follow(ends) {
  document.querySelectorAll("[data-follow]").forEach((box, index) => {
    if (!ends || ends[index] !== false) box.scrollTop = box.scrollHeight;
  });
  if (!ends) document.querySelectorAll("[data-newest]").forEach((box) => (box.scrollLeft = box.scrollWidth));
}

// Theme

function theme() {
  const button = $("#theme");
  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const show = () => (button.textContent = dark() ? "light" : "dark");
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    show();
  });
  show();
}

// Keys

function keys() {
  const views = [...document.querySelectorAll(".rail nav a")];
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest("input, textarea, select");
    if (event.ctrlKey || event.metaKey || event.altKey || writing) return;
    const view = views[Number(event.key) - 1];
    if (view) view.click();
    else if (event.key === "/") ($("#search") || $("textarea"))?.focus();
    else if (event.key === "t") $("#theme").click();
    else if (event.key === "?") $("#keys").showModal();
    else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
    else return;
    event.preventDefault();
  });
}

function step(by) {
  const links = [...document.querySelectorAll("tbody td a, .history a, .feed a")];
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
}

// Chat: the same API that every client uses, streamed; words are text, never markup.

function chat() {
  const form = $("#say");
  if (!form) return;
  const talk = $("#talk");
  const halt = $("#halt");
  const said = [];
  let ending = null;
  const add = (who, text) => {
    const row = document.createElement("li");
    row.className = who;
    row.textContent = text;
    talk.append(row);
    row.scrollIntoView({ block: "end" });
    return row;
  };
  form.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  halt.addEventListener("click", () => ending?.abort());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = form.text.value.trim();
    if (!text || ending) return;
    form.text.value = "";
    said.push({ role: "user", content: text });
    add("user", text);
    const row = add("assistant", "");
    ending = new AbortController();
    halt.hidden = false;
    try {
      const hear = (word) => row.append(word);
      const aside = (word) => before(row).append(word);
      const answer = await stream(form.model.value, said, ending.signal, hear, aside);
      said.push({ role: "assistant", content: answer });
    } catch (fault) {
      said.pop();
      if (fault.name === "AbortError") row.append(" [stopped]");
      else {
        row.className = "fault";
        row.textContent = fault.message;
      }
    } finally {
      ending = null;
      halt.hidden = true;
    }
  });
}

// What a model thinks, and what the members of a team say, before the answer.
function before(row) {
  let box = $("details pre", row);
  if (!box) {
    const folded = document.createElement("details");
    folded.open = true;
    folded.append(document.createElement("summary"), document.createElement("pre"));
    folded.firstChild.textContent = "Before the answer";
    row.prepend(folded);
    box = folded.lastChild;
  }
  return box;
}

async function stream(model, messages, signal, hear, aside) {
  const answer = await fetch("/v1/chat/completions", {
    method: "POST",
    signal,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages, stream: true }),
  });
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let whole = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return whole;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: {")) continue;
      const chunk = JSON.parse(line.slice(6));
      if (chunk.error) throw new Error(chunk.error.message);
      const delta = chunk.choices?.[0]?.delta || {};
      if (delta.reasoning_content) aside(delta.reasoning_content);
      const word = delta.content || "";
      whole += word;
      hear(word);
      // Nobody here runs what a model calls; that it called is shown, and not said back to it.
      for (const call of delta.tool_calls || []) if (call.function?.name) hear(`\n[calls ${call.function.name}]\n`);
    }
  }
}

theme();
keys();
chat();
follow();
live();
